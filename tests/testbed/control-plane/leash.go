// How does a process end when whoever started it is gone?

package main

import (
	"io"
	"os"
	"syscall"
	"time"
)

// onEOF calls end once r is at its end. The parent holds the other end of the
// pipe, and the kernel closes it however the parent dies.
func onEOF(r io.Reader, end func()) {
	go func() {
		// A read error means the same as EOF: nobody holds the leash.
		_, _ = io.Copy(io.Discard, r)
		end()
	}()
}

// takeLeash puts this process on the leash when "--leash" is the first of args,
// and returns the other args. It is for commands that handle SIGTERM themselves.
func takeLeash(args []string) []string {
	if len(args) == 0 || args[0] != "--leash" {
		return args
	}
	onEOF(os.Stdin, func() {
		_ = syscall.Kill(os.Getpid(), syscall.SIGTERM)
		// An upstream command may wait for its controllers; nothing waits for them here.
		time.Sleep(time.Second)
		os.Exit(exitFailure)
	})
	return args[1:]
}
