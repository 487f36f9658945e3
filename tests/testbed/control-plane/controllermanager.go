// How do the controllers run beside the apiserver, and never longer than it?

package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
)

// child is kube-controller-manager in a process of its own: two components in
// one process would both set the process-wide logging and feature gates.
type child struct {
	cmd    *exec.Cmd
	ending chan struct{}
	ended  chan struct{}
}

func startControllerManager(controllers, kubeconfig, serviceAccountKey string, failed chan<- error) (*child, error) {
	// This very program, even if the file it came from has been replaced since.
	cmd := exec.Command("/proc/self/exe", "controller-manager", "--leash",
		"--kubeconfig="+kubeconfig,
		"--controllers="+controllers,
		"--service-account-private-key-file="+serviceAccountKey,
		"--use-service-account-credentials=false",
		"--leader-elect=false",
		"--allocate-node-cidrs=false",
		// No listener: two control planes may run side by side.
		"--secure-port=0",
		// A test that makes a thousand objects should not wait for client-side limits.
		"--kube-api-qps=200", "--kube-api-burst=400",
	)
	cmd.Args[0] = os.Args[0]
	cmd.Stdout, cmd.Stderr = os.Stderr, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	// The leash: the kernel closes our end of this pipe when this process ends.
	if _, err := cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("kube-controller-manager: %w", err)
	}

	c := &child{cmd: cmd, ending: make(chan struct{}), ended: make(chan struct{})}
	started := make(chan error, 1)
	go func() {
		defer close(c.ended)
		// Pdeathsig fires when the thread that forked ends, so that thread must stay.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err != nil {
			return
		}
		err = cmd.Wait()
		select {
		case <-c.ending:
		default:
			failed <- fmt.Errorf("kube-controller-manager ended: %v", err)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("kube-controller-manager: %w", err)
	}
	return c, nil
}

// stop kills: the child has no state of its own, and asking it to end would
// only wait for its controllers.
func (c *child) stop() {
	close(c.ending)
	_ = c.cmd.Process.Kill()
	<-c.ended
}
