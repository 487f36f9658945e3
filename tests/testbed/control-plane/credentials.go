// With which keys and certificates does the apiserver prove who it is?

package main

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// credentials are made once and kept, so that clients of an earlier run go on
// trusting this one, and so that tokens of ServiceAccounts stay valid.
type credentials struct {
	caPEM             []byte
	servingCert       string
	servingKey        string
	serviceAccountKey string
}

const validity = 10 * 365 * 24 * time.Hour

func ensureCredentials(dir, address string) (*credentials, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	c := &credentials{
		servingCert:       file("serving.crt"),
		servingKey:        file("serving.key"),
		serviceAccountKey: file("service-account.key"),
	}
	if _, err := ensureKey(c.serviceAccountKey); err != nil {
		return nil, err
	}
	caKey, err := ensureKey(file("ca.key"))
	if err != nil {
		return nil, err
	}
	ca, err := readCertificate(file("ca.crt"))
	if errors.Is(err, os.ErrNotExist) {
		ca, err = issue(file("ca.crt"), &x509.Certificate{
			Subject:               pkix.Name{CommonName: "control-plane CA"},
			IsCA:                  true,
			BasicConstraintsValid: true,
			KeyUsage:              x509.KeyUsageCertSign | x509.KeyUsageCRLSign,
		}, nil, caKey.Public(), caKey)
	}
	if err != nil {
		return nil, err
	}
	c.caPEM = encodeCertificate(ca)

	servingKey, err := ensureKey(c.servingKey)
	if err != nil {
		return nil, err
	}
	names := []string{"localhost", "kubernetes.default.svc"}
	ips := []net.IP{net.IPv4(127, 0, 0, 1), net.IPv6loopback}
	if ip := net.ParseIP(address); !slices.ContainsFunc(ips, ip.Equal) {
		ips = append(ips, ip)
	}
	serving, err := readCertificate(c.servingCert)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	// Another address than in the run before needs another certificate.
	if serving == nil || serving.VerifyHostname(address) != nil {
		_, err = issue(c.servingCert, &x509.Certificate{
			Subject:               pkix.Name{CommonName: "kube-apiserver"},
			DNSNames:              names,
			IPAddresses:           ips,
			BasicConstraintsValid: true,
			KeyUsage:              x509.KeyUsageDigitalSignature,
			ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		}, ca, servingKey.Public(), caKey)
		if err != nil {
			return nil, err
		}
	}
	return c, nil
}

// issue signs template and writes it to path. Without a parent it signs itself.
func issue(path string, template, parent *x509.Certificate, public crypto.PublicKey, signer crypto.Signer) (*x509.Certificate, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	// Clocks of network namespaces agree, but a machine's clock may be set back.
	template.NotBefore = time.Now().Add(-24 * time.Hour)
	template.NotAfter = time.Now().Add(validity)
	if parent == nil {
		parent = template
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, signer)
	if err != nil {
		return nil, fmt.Errorf("issue %s: %w", path, err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("issue %s: %w", path, err)
	}
	return cert, writeFile(path, encodeCertificate(cert))
}

func ensureKey(path string) (crypto.Signer, error) {
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return makeKey(path)
	}
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("%s is not PEM", path)
	}
	key, err := x509.ParseECPrivateKey(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return key, nil
}

func makeKey(path string) (crypto.Signer, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, err
	}
	return key, writeFile(path, pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}))
}

func readCertificate(path string) (*x509.Certificate, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	block, _ := pem.Decode(content)
	if block == nil {
		return nil, fmt.Errorf("%s is not PEM", path)
	}
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return cert, nil
}

func encodeCertificate(cert *x509.Certificate) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
}
