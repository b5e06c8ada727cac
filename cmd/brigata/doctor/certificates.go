package doctor

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"time"

	"github.com/brigata/brigata/cluster/membership"
	"github.com/brigata/brigata/cluster/peers"
)

// expireSoon is how long before its end a certificate should be replaced.
const expireSoon = 30 * 24 * time.Hour

// certificates checks what nodes show one another.
func certificates(o Options, tell func(Finding)) {
	const check = "certificate"
	if o.TLSCA == "" || o.TLSCert == "" || o.TLSKey == "" {
		tell(Finding{check, Bad, "only some of --tls-ca, --tls-cert and --tls-key are given", "give all three"})
		return
	}
	var files [3][]byte
	for i, file := range []string{o.TLSCA, o.TLSCert, o.TLSKey} {
		b, bad := readable(check, file)
		if bad != nil {
			tell(*bad)
			return
		}
		files[i] = b
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(files[0]) {
		tell(Finding{check, Bad, o.TLSCA + " holds no certificate", "name the CA's certificate in PEM"})
		return
	}
	pair, err := tls.X509KeyPair(files[1], files[2])
	if err != nil {
		tell(Finding{check, Bad, err.Error(), "name a certificate and its own key in PEM"})
		return
	}
	for usage, name := range map[x509.ExtKeyUsage]string{x509.ExtKeyUsageServerAuth: "server", x509.ExtKeyUsageClientAuth: "client"} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, DNSName: peers.ServerName, KeyUsages: []x509.ExtKeyUsage{usage}}); err != nil {
			tell(Finding{check, Bad, "as a " + name + ": " + err.Error(),
				"nodes are both to one another: issue it by the CA for the DNS name " + peers.ServerName + ", with serverAuth and clientAuth"})
			return
		}
	}
	left := time.Until(pair.Leaf.NotAfter)
	f := Finding{check, OK, fmt.Sprintf("good for %d days", int(left.Hours()/24)), ""}
	if left < expireSoon {
		f.State, f.Mend = Warn, "replace it: docs/operations.md, \"Keys and certificates\""
	}
	tell(f)
}

// gossipKey checks the key that all nodes' gossip shares.
func gossipKey(file string, tell func(Finding)) {
	const check, mend = "gossip key", "head -c 32 /dev/urandom | base64, the same file for all nodes"
	b, bad := readable(check, file)
	if bad != nil {
		tell(*bad)
		return
	}
	keys, err := membership.ParseKeys(string(b))
	if err != nil {
		tell(Finding{check, Bad, file + " has " + err.Error(), mend})
		return
	}
	tell(Finding{check, OK, fmt.Sprintf("%d of %d bytes", len(keys), len(keys[0])), ""})
}
