// Where are the objects kept?

package main

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"time"

	"go.etcd.io/etcd/server/v3/embed"
)

type etcdServer struct {
	*embed.Etcd
	endpoint string
}

// startEtcd returns when etcd answers.
func startEtcd(ctx context.Context, dir string, port int, failed chan<- error) (*etcdServer, error) {
	client := url.URL{Scheme: "http", Host: net.JoinHostPort("127.0.0.1", strconv.Itoa(port))}

	cfg := embed.NewConfig()
	cfg.Dir = dir
	cfg.ListenClientUrls = []url.URL{client}
	cfg.AdvertiseClientUrls = []url.URL{client}
	// The only member has no peers to listen for. The peer URL stays its default,
	// which nobody dials: it is part of the stored membership, so it must not
	// change with the port.
	cfg.ListenPeerUrls = nil
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	// What was written survives the death of the process without fsync; only the
	// death of the machine would lose it.
	cfg.UnsafeNoFsync = true
	// At each start the only member waits out an election; the default is up to a
	// second of it.
	cfg.TickMs, cfg.ElectionMs = 10, 100
	cfg.EnableGRPCGateway = false
	cfg.LogLevel = "error"

	etcd, err := embed.StartEtcd(cfg)
	if err != nil {
		return nil, fmt.Errorf("etcd: %w", err)
	}
	server := &etcdServer{Etcd: etcd, endpoint: client.String()}
	select {
	case <-etcd.Server.ReadyNotify():
	case err := <-etcd.Err():
		server.stop()
		return nil, fmt.Errorf("etcd: %w", err)
	case <-ctx.Done():
		server.stop()
		return nil, ctx.Err()
	}
	go func() {
		if err, open := <-etcd.Err(); open {
			failed <- fmt.Errorf("etcd: %w", err)
		}
	}()
	return server, nil
}

// stop closes the log and the database. It leaves the listeners to the end of
// the process: closing them in order would first wait for every open watch.
func (e *etcdServer) stop() {
	within(time.Second, e.Server.Stop)
}
