package fake

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/brigata/brigata/gateway/payments"
	"github.com/brigata/brigata/gateway/payments/accounts"
)

// Entry is the account of the stand-in's merchant, as the payments file has it.
func (b *Bank) Entry() accounts.Entry {
	e := accounts.Entry{Provider: b.Name, Endpoint: b.URL}
	switch b.Name {
	case "stripe":
		e.SecretKey, e.PublishableKey, e.WebhookSecret = StripeKey, StripePublishable, StripeSecret
		e.Zone = b.Zone.String()
	case "wechat":
		f := b.front.(*wechat)
		e.AppID, e.MchID, e.Serial, e.PrivateKey, e.APIv3Key = WechatApp, WechatMch, WechatSerial, privatePEM(f.merchant), WechatV3Key
		e.PublicKeyID, e.PublicKey = WechatKeyID, publicPEM(f.own)
	case "alipay":
		f := b.front.(*alipay)
		e.AppID, e.PrivateKey, e.PublicKey, e.Sandbox = AlipayApp, privatePEM(f.app), base64Of(publicDER(f.own)), true
	}
	return e
}

// Write writes a payments file for some stand-ins, and returns its name.
func Write(t *testing.T, banks ...*Bank) string {
	t.Helper()
	f := accounts.File{PublicURL: "http://127.0.0.1"}
	for _, b := range banks {
		f.Accounts = append(f.Accounts, b.Entry())
	}
	doc, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(t.TempDir(), "payments.json")
	if err := os.WriteFile(name, doc, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// Accounts loads the accounts of some stand-ins.
func Accounts(t *testing.T, banks ...*Bank) payments.Accounts {
	t.Helper()
	all, err := accounts.Load(Write(t, banks...))
	if err != nil {
		t.Fatal(err)
	}
	return all
}
