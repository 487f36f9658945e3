// How does kube-apiserver run inside this process?

package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/spf13/pflag"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	"k8s.io/client-go/rest"
	basecompatibility "k8s.io/component-base/compatibility"
	logsapi "k8s.io/component-base/logs/api/v1"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
)

const (
	// drainTime is how long connections may go on at the end. Open watches would
	// use all of it, however long it is.
	drainTime = 250 * time.Millisecond
	// stopTime bounds the whole end, requests that hang included.
	stopTime = time.Second
)

const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: Metadata
`

type apiServer struct {
	cancel context.CancelFunc
	done   chan struct{}
}

func startAPIServer(o serveOptions, etcd string, creds *credentials, tokenFile string, failed chan<- error) (*apiServer, error) {
	args, err := apiServerArgs(o, etcd, creds, tokenFile)
	if err != nil {
		return nil, fmt.Errorf("kube-apiserver: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	run, err := buildAPIServer(ctx, args)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("kube-apiserver: %w", err)
	}
	server := &apiServer{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(server.done)
		err := run(ctx)
		if ctx.Err() != nil {
			return
		}
		if err == nil {
			err = errors.New("ended by itself")
		}
		failed <- fmt.Errorf("kube-apiserver: %w", err)
	}()
	return server, nil
}

// stop gives requests a moment to end. What is still open after that goes away
// with the process.
func (s *apiServer) stop() {
	s.cancel()
	within(stopTime, func() { <-s.done })
}

func apiServerArgs(o serveOptions, etcd string, creds *credentials, tokenFile string) ([]string, error) {
	args := []string{
		"--etcd-servers=" + etcd,
		"--bind-address=" + o.address,
		"--advertise-address=" + o.address,
		fmt.Sprintf("--secure-port=%d", o.port),
		"--tls-cert-file=" + creds.servingCert,
		"--tls-private-key-file=" + creds.servingKey,
		"--token-auth-file=" + tokenFile,
		"--authorization-mode=RBAC",
		"--service-account-issuer=https://kubernetes.default.svc",
		"--service-account-key-file=" + creds.serviceAccountKey,
		"--service-account-signing-key-file=" + creds.serviceAccountKey,
		"--service-cluster-ip-range=" + o.serviceCIDR,
		"--service-node-port-range=" + o.nodePortRange,
		// Pods here have no ServiceAccount: no controller makes the default ones.
		"--disable-admission-plugins=ServiceAccount",
		"--profiling=false",
		"--shutdown-delay-duration=0",
	}
	if net.ParseIP(o.address).IsLoopback() {
		// A loopback address is no valid endpoint; trying would log an error every
		// few seconds.
		args = append(args, "--endpoint-reconciler-type=none")
	}
	if o.audit {
		policy := o.path("audit-policy.yaml")
		if err := writeFile(policy, []byte(auditPolicy)); err != nil {
			return nil, err
		}
		args = append(args,
			"--audit-policy-file="+policy,
			"--audit-log-path="+o.auditLog(),
			// An entry is in the file before its request ends, so a test may count
			// right after a response.
			"--audit-log-mode=blocking",
			// Megabytes: large enough never to be rotated in a test.
			"--audit-log-maxsize=4000",
		)
	}
	return append(args, strings.Fields(o.apiserverArgs)...), nil
}

// buildAPIServer goes the way of kube-apiserver's own command, step by step,
// because the command handles signals itself and offers no way to shorten the
// time that open watches hold it at the end.
func buildAPIServer(ctx context.Context, args []string) (run func(context.Context) error, err error) {
	opts := options.NewServerRunOptions()
	flags := pflag.NewFlagSet("kube-apiserver", pflag.ContinueOnError)
	for _, set := range opts.Flags().FlagSets {
		flags.AddFlagSet(set)
	}
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	registry := opts.GenericServerRunOptions.ComponentGlobalsRegistry
	if err := registry.Set(); err != nil {
		return nil, err
	}
	if err := logsapi.ValidateAndApply(opts.Logs, registry.FeatureGateFor(basecompatibility.DefaultKubeComponent)); err != nil {
		return nil, err
	}
	// The apiserver's clients of itself would log warnings meant for users.
	rest.SetDefaultWarningHandler(rest.NoWarnings{})

	completed, err := opts.Complete(ctx)
	if err != nil {
		return nil, err
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return nil, utilerrors.NewAggregate(errs)
	}
	config, err := app.NewConfig(completed)
	if err != nil {
		return nil, err
	}
	completedConfig, err := config.Complete()
	if err != nil {
		return nil, err
	}
	chain, err := app.CreateServerChain(completedConfig)
	if err != nil {
		return nil, err
	}
	chain.GenericAPIServer.ShutdownTimeout = drainTime
	prepared, err := chain.PrepareRun()
	if err != nil {
		return nil, err
	}
	return prepared.Run, nil
}
