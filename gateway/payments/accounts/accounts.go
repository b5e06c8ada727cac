// Package accounts reads the file that says at which providers the stores of a node
// have accounts. cmd loads it.
package accounts

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/brigata/brigata/gateway/payments"
	"github.com/brigata/brigata/gateway/payments/alipay"
	"github.com/brigata/brigata/gateway/payments/stripe"
	"github.com/brigata/brigata/gateway/payments/wechat"
)

// File is the document. A secret may be written as "file:NAME": it is read from that
// file then, beside the document unless the name is absolute.
type File struct {
	// PublicURL is where providers reach this cluster: https://pay.example.com
	PublicURL string  `json:"public_url"`
	Accounts  []Entry `json:"accounts"`
}

// Entry is one account; which fields are needed depends on the provider.
type Entry struct {
	Provider string `json:"provider"`          // stripe wechat alipay
	Store    string `json:"store,omitzero"`    // "": every store without one of its own
	Endpoint string `json:"endpoint,omitzero"` // "": the provider's own

	SecretKey      string `json:"secret_key,omitzero"`      // stripe
	PublishableKey string `json:"publishable_key,omitzero"` // stripe: what browsers pay with
	WebhookSecret  string `json:"webhook_secret,omitzero"`  // stripe
	Zone           string `json:"zone,omitzero"`            // stripe: of its statements

	AppID       string `json:"app_id,omitzero"` // wechat, alipay
	MchID       string `json:"mch_id,omitzero"` // wechat
	Serial      string `json:"serial,omitzero"` // wechat
	PrivateKey  string `json:"private_key,omitzero"`
	PublicKey   string `json:"public_key,omitzero"`    // the provider's
	PublicKeyID string `json:"public_key_id,omitzero"` // wechat
	APIv3Key    string `json:"api_v3_key,omitzero"`    // wechat
	Sandbox     bool   `json:"sandbox,omitzero"`       // alipay
	Title       string `json:"title,omitzero"`         // what payers see
}

// Load reads the document; errors name the account and what it lacks, never a secret.
func Load(name string) (payments.Accounts, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("the payments file cannot be read: %w", err)
	}
	var f File
	if err := json.Unmarshal(b, &f, json.RejectUnknownMembers(true)); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f.PublicURL = strings.TrimSuffix(f.PublicURL, "/")
	var all payments.Accounts
	for i, e := range f.Accounts {
		if err := e.secrets(filepath.Dir(name)); err != nil {
			return nil, fmt.Errorf("%s: account %d: %w", name, i+1, err)
		}
		p, err := e.provider(f.PublicURL)
		if err != nil {
			return nil, fmt.Errorf("%s: account %d: %w", name, i+1, err)
		}
		all = append(all, payments.Account{Name: e.Provider, Store: e.Store, Provider: p})
	}
	return all, nil
}

// secrets reads those that stand in files of their own.
func (e *Entry) secrets(dir string) error {
	for _, s := range []*string{&e.SecretKey, &e.WebhookSecret, &e.PrivateKey, &e.PublicKey, &e.APIv3Key} {
		name, ok := strings.CutPrefix(*s, "file:")
		if !ok {
			continue
		}
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		*s = strings.TrimSpace(string(b))
	}
	return nil
}

func (e *Entry) provider(public string) (payments.Provider, error) {
	notify := public + "/v1/payments/" + e.Provider + "/notify"
	if e.Provider != "stripe" && !strings.HasPrefix(public, "https://") && e.Endpoint == "" {
		return nil, fmt.Errorf("%s sends its notifications to public_url, which has to be https://…", e.Provider)
	}
	switch e.Provider {
	case "stripe":
		zone, err := time.LoadLocation(e.Zone)
		if err != nil {
			return nil, err
		}
		return stripe.New(stripe.Config{SecretKey: e.SecretKey, PublishableKey: e.PublishableKey, WebhookSecret: e.WebhookSecret, Endpoint: e.Endpoint, Zone: zone})
	case "wechat":
		return wechat.New(wechat.Config{AppID: e.AppID, MchID: e.MchID, Serial: e.Serial, PrivateKey: e.PrivateKey, APIv3Key: e.APIv3Key,
			PublicKeyID: e.PublicKeyID, PublicKey: e.PublicKey, NotifyURL: notify, Description: e.Title, Endpoint: e.Endpoint})
	case "alipay":
		return alipay.New(alipay.Config{AppID: e.AppID, PrivateKey: e.PrivateKey, PublicKey: e.PublicKey, NotifyURL: notify, Subject: e.Title,
			Sandbox: e.Sandbox, Endpoint: e.Endpoint})
	}
	return nil, fmt.Errorf("there is no provider %q: stripe, wechat, alipay", e.Provider)
}
