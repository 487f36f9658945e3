// In which order does the control plane start, and in which does it end?

package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

type serveOptions struct {
	dir           string
	address       string
	port          int
	etcdPort      int
	serviceCIDR   string
	nodePortRange string
	controllers   string
	apiserverArgs string
	audit         bool
	leash         bool
}

func parseServeOptions(args []string) (serveOptions, error) {
	var o serveOptions
	fs := flag.NewFlagSet("serve", flag.ContinueOnError)
	fs.StringVar(&o.dir, "dir", "", "state `directory`; started again with the same one, it goes on with the same objects and tokens")
	fs.StringVar(&o.address, "address", "127.0.0.1", "IP `address` that the apiserver listens on and that the kubeconfigs name")
	fs.IntVar(&o.port, "port", 0, "apiserver `port`")
	fs.IntVar(&o.etcdPort, "etcd-port", 0, "etcd client `port` on 127.0.0.1")
	fs.StringVar(&o.serviceCIDR, "service-cidr", "10.96.0.0/12,fd96::/112", "ClusterIP `ranges`")
	fs.StringVar(&o.nodePortRange, "node-port-range", "30000-32767", "NodePort `range`")
	fs.StringVar(&o.controllers, "controllers", "endpointslice-controller,namespace-controller,garbage-collector-controller",
		"kube-controller-manager's --controllers; empty: do not run it")
	fs.StringVar(&o.apiserverArgs, "apiserver-args", "", "more kube-apiserver `flags`, separated by spaces")
	fs.BoolVar(&o.audit, "audit", false, "write DIR/audit.log (level Metadata)")
	fs.BoolVar(&o.leash, "leash", false, "end when stdin is at its end")
	if err := fs.Parse(args); err != nil {
		return o, usageError{err}
	}
	switch {
	case fs.NArg() > 0:
		return o, usageError{fmt.Errorf("serve takes no arguments, got %q", fs.Args())}
	case o.dir == "":
		return o, usageError{errors.New("serve needs --dir")}
	case o.port == 0 || o.etcdPort == 0:
		return o, usageError{errors.New("serve needs --port and --etcd-port")}
	case net.ParseIP(o.address) == nil:
		return o, usageError{fmt.Errorf("--address %q is not an IP address", o.address)}
	}
	dir, err := filepath.Abs(o.dir)
	if err != nil {
		return o, fmt.Errorf("--dir: %w", err)
	}
	o.dir = dir
	return o, nil
}

func (o serveOptions) path(name string) string { return filepath.Join(o.dir, name) }

func (o serveOptions) server() string {
	return "https://" + net.JoinHostPort(o.address, strconv.Itoa(o.port))
}

func (o serveOptions) auditLog() string {
	if !o.audit {
		return ""
	}
	return o.path("audit.log")
}

// announcement is what the parent learns when everything is ready.
type announcement struct {
	Server       string `json:"server"`
	Kubeconfig   string `json:"kubeconfig"`
	AuditLog     string `json:"audit_log"`
	ReadyAfterMS int64  `json:"ready_after_ms"`
}

// serve runs the control plane until ctx ends, which is no error, or until one
// of its parts fails. The deferred stops run in the reverse of the order the
// parts started in: none loses what it depends on, and etcd, which holds the
// objects, is closed last.
func serve(ctx context.Context, o serveOptions, announce io.Writer) (err error) {
	start := time.Now()
	if err := os.MkdirAll(o.dir, 0o700); err != nil {
		return err
	}
	unlock, err := lockFile(o.path("lock"))
	if err != nil {
		return err
	}
	defer unlock()

	// A file left by a killed run would announce what is not ready.
	ready := o.path("ready")
	if err := os.Remove(ready); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	creds, err := ensureCredentials(o.path("pki"), o.address)
	if err != nil {
		return fmt.Errorf("credentials: %w", err)
	}
	users, err := ensureUsers(o.dir, o.server(), creds.caPEM)
	if err != nil {
		return fmt.Errorf("users: %w", err)
	}

	failed := make(chan error, parts)
	etcd, err := startEtcd(ctx, o.path("etcd"), o.etcdPort, failed)
	if err != nil {
		return orderly(ctx, err)
	}
	defer etcd.stop()

	api, err := startAPIServer(o, etcd.endpoint, creds, users.tokenFile, failed)
	if err != nil {
		return err
	}
	probe, err := newProbe(o.server(), users.adminToken, creds.caPEM)
	if err != nil {
		return err
	}
	if err := await(ctx, failed, probe.apiserver); err != nil {
		// The apiserver cannot be stopped before its start is complete: its hooks
		// take that as a failure and exit. It just ends with the process.
		return orderly(ctx, err)
	}
	defer api.stop()
	if o.controllers != "" {
		manager, err := startControllerManager(o.controllers, users.kubeconfig("controller-manager"), creds.serviceAccountKey, failed)
		if err != nil {
			return err
		}
		defer manager.stop()
	}
	if err := await(ctx, failed, probe.bootstrap); err != nil {
		return orderly(ctx, err)
	}

	line, err := json.Marshal(announcement{
		Server:       o.server(),
		Kubeconfig:   users.kubeconfig(admin),
		AuditLog:     o.auditLog(),
		ReadyAfterMS: time.Since(start).Milliseconds(),
	})
	if err != nil {
		return err
	}
	line = append(line, '\n')
	if err := writeFile(ready, line); err != nil {
		return err
	}
	defer os.Remove(ready)
	if _, err := announce.Write(line); err != nil {
		return fmt.Errorf("announce readiness: %w", err)
	}

	select {
	case <-ctx.Done():
		return nil
	case err := <-failed:
		return orderly(ctx, err)
	}
}

// parts is how many parts may report a failure: etcd, kube-apiserver and
// kube-controller-manager. Each reports once at most, so none ever blocks on it.
const parts = 3

// await asks ready again and again until it says yes.
func await(ctx context.Context, failed <-chan error, ready func(context.Context) bool) error {
	for !ready(ctx) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case err := <-failed:
			return err
		case <-time.After(25 * time.Millisecond):
		}
	}
	return nil
}

// orderly drops what went wrong when the end was asked for: parts that are cut
// short by that have not failed.
func orderly(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
