package peers

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// ServerName is the DNS name that every node's certificate must carry: nodes are told
// from strangers by their authority, which signs nodes and nothing else, not by where
// they run.
const ServerName = "brigata"

// LoadTLS reads PEM files into a configuration for both sides of a connection between
// nodes: each must show a certificate of the authority in ca.
func LoadTLS(ca, cert, key string) (*tls.Config, error) {
	pem, err := os.ReadFile(ca)
	if err != nil {
		return nil, fmt.Errorf("read the authority: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("%s holds no certificate", ca)
	}
	own, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("read this node's certificate: %w", err)
	}
	leaf, err := x509.ParseCertificate(own.Certificate[0])
	if err != nil {
		return nil, fmt.Errorf("read this node's certificate: %w", err)
	}
	if err := leaf.VerifyHostname(ServerName); err != nil {
		return nil, errors.New("this node's certificate must carry the DNS name " + ServerName)
	}
	return &tls.Config{Certificates: []tls.Certificate{own}, RootCAs: pool, ClientCAs: pool, ServerName: ServerName,
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13}, nil
}
