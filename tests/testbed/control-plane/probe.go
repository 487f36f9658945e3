// Is the apiserver ready for the tests?

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net/http"
	"time"
)

// probe asks as a client would: over TLS, verified, as the user admin.
type probe struct {
	client *http.Client
	server string
	token  string
}

func newProbe(server, token string, caPEM []byte) (*probe, error) {
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(caPEM) {
		return nil, errors.New("the CA certificate is not PEM")
	}
	return &probe{
		client: &http.Client{
			// No proxy from the environment: the server is on this machine.
			Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
			Timeout:   2 * time.Second,
		},
		server: server,
		token:  token,
	}, nil
}

func (p *probe) apiserver(ctx context.Context) bool { return p.ok(ctx, "/readyz") }

// bootstrap asks for what the apiserver makes by itself, but after it says that
// it is ready. A test should not see these objects appear.
func (p *probe) bootstrap(ctx context.Context) bool {
	for _, path := range []string{
		"/api/v1/namespaces/kube-system",
		"/api/v1/namespaces/default",
		"/api/v1/namespaces/default/services/kubernetes",
	} {
		if !p.ok(ctx, path) {
			return false
		}
	}
	return true
}

func (p *probe) ok(ctx context.Context, path string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.server+path, nil)
	if err != nil {
		return false
	}
	req.Header.Set("Authorization", "Bearer "+p.token)
	resp, err := p.client.Do(req)
	if err != nil {
		return false
	}
	defer resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}
