// Which part of the control plane does this process run?

// Control-plane is a real Kubernetes control plane for tests, in one binary:
// etcd and kube-apiserver in one process, a few controllers of
// kube-controller-manager in a child, and kube-proxy as a subcommand.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"k8s.io/component-base/cli"
	"k8s.io/component-base/version"
	controllermanager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	proxy "k8s.io/kubernetes/cmd/kube-proxy/app"
)

const usage = `usage:
  control-plane serve --dir D --port N --etcd-port M [flags]   etcd, kube-apiserver and a few controllers
  control-plane controller-manager [--leash] ARGS...           kube-controller-manager with its own flags
  control-plane proxy [--leash] ARGS...                        kube-proxy with its own flags
  control-plane version                                        the Kubernetes version
`

const (
	exitFailure = 1
	exitUsage   = 2
)

// usageError is a mistake in the command line, as opposed to a failure.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

func main() {
	os.Exit(run(os.Args[1:]))
}

func run(args []string) int {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return exitUsage
	}
	name, args := args[0], args[1:]
	switch name {
	case "serve":
		return exitCode(runServe(args))
	case "controller-manager":
		cmd := controllermanager.NewControllerManagerCommand()
		cmd.SetArgs(takeLeash(args))
		return cli.Run(cmd)
	case "proxy":
		cmd := proxy.NewProxyCommand()
		cmd.SetArgs(takeLeash(args))
		return cli.Run(cmd)
	case "version":
		fmt.Println(version.Get().GitVersion)
		return 0
	case "help", "-h", "--help":
		fmt.Print(usage)
		return 0
	default:
		fmt.Fprintf(os.Stderr, "control-plane: unknown subcommand %q\n%s", name, usage)
		return exitUsage
	}
}

func runServe(args []string) error {
	// The one line that the parent reads is all that may reach stdout, whatever
	// the libraries print.
	announce := io.Writer(os.Stdout)
	os.Stdout = os.Stderr

	opts, err := parseServeOptions(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if opts.leash {
		onEOF(os.Stdin, stop)
	}
	return serve(ctx, opts, announce)
}

func exitCode(err error) int {
	var usage usageError
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return 0
	case errors.As(err, &usage):
		fmt.Fprintln(os.Stderr, "control-plane:", err)
		return exitUsage
	default:
		fmt.Fprintln(os.Stderr, "control-plane:", err)
		return exitFailure
	}
}
