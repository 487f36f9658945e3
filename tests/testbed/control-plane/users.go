// Who may talk to the apiserver, and with which kubeconfig?

package main

import (
	"bytes"
	"crypto/rand"
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

const (
	admin   = "admin"
	masters = "system:masters"
)

// Each component has its own user, so that the audit log can tell them apart.
// A user without a group may do nothing but what any authenticated user may.
var groupOf = []struct{ user, group string }{
	{admin, masters},
	{"controller-manager", masters},
	{"proxy", masters},
	{"controller", masters},
	{"announcer", masters},
	{"bench", masters},
	{"nobody", ""},
}

type users struct {
	dir        string
	tokenFile  string
	adminToken string
}

func (u *users) kubeconfig(user string) string {
	if user == admin {
		return filepath.Join(u.dir, "kubeconfig")
	}
	return filepath.Join(u.dir, "kubeconfig-"+user)
}

// ensureUsers writes the token file and the kubeconfigs. Tokens are kept, so
// that a kubeconfig read in an earlier run goes on working.
func ensureUsers(dir, server string, caPEM []byte) (*users, error) {
	u := &users{dir: dir, tokenFile: filepath.Join(dir, "tokens.csv")}
	tokens, err := readTokens(u.tokenFile)
	if err != nil {
		return nil, err
	}
	var rows bytes.Buffer
	w := csv.NewWriter(&rows)
	for _, person := range groupOf {
		token, kept := tokens[person.user]
		if !kept {
			token = rand.Text()
		}
		row := []string{token, person.user, person.user}
		if person.group != "" {
			row = append(row, person.group)
		}
		if err := w.Write(row); err != nil {
			return nil, err
		}
		if err := writeKubeconfig(u.kubeconfig(person.user), person.user, token, server, caPEM); err != nil {
			return nil, err
		}
		if person.user == admin {
			u.adminToken = token
		}
	}
	w.Flush()
	if err := w.Error(); err != nil {
		return nil, err
	}
	return u, writeFile(u.tokenFile, rows.Bytes())
}

func readTokens(path string) (map[string]string, error) {
	tokens := map[string]string{}
	content, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return tokens, nil
	}
	if err != nil {
		return nil, err
	}
	r := csv.NewReader(bytes.NewReader(content))
	r.FieldsPerRecord = -1 // a user without a group has one field less
	rows, err := r.ReadAll()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, row := range rows {
		if len(row) >= 2 {
			tokens[row[1]] = row[0]
		}
	}
	return tokens, nil
}

func writeKubeconfig(path, user, token, server string, caPEM []byte) error {
	const name = "control-plane"
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: caPEM}
	config.AuthInfos[user] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: user}
	config.CurrentContext = name
	content, err := clientcmd.Write(*config)
	if err != nil {
		return err
	}
	return writeFile(path, content)
}
