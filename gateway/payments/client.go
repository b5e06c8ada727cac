package payments

import (
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// Client makes the HTTP client of a provider. With an endpoint, its requests go there
// instead: to a proxy, or to a provider's stand-in.
func Client(endpoint string) (*http.Client, error) {
	c := &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute,
		TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 20 * time.Second, Proxy: http.ProxyFromEnvironment}}
	if endpoint == "" {
		return c, nil
	}
	u, err := url.Parse(endpoint)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("payment endpoint %q is not a URL", endpoint)
	}
	c.Transport = elsewhere{u.Scheme, u.Host, c.Transport}
	return c, nil
}

// elsewhere sends a provider's requests to another address.
type elsewhere struct {
	scheme, host string
	next         http.RoundTripper
}

func (e elsewhere) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	r.URL.Scheme, r.URL.Host, r.Host = e.scheme, e.host, e.host
	return e.next.RoundTrip(r)
}
