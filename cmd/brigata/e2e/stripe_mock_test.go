package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/payment"
	"github.com/brigata/brigata/gateway/payments"
	paymentsfile "github.com/brigata/brigata/gateway/payments/accounts"
	"github.com/brigata/brigata/gateway/payments/stripe"
)

// stripeMock runs Stripe's own stand-in, which holds requests to Stripe's description of
// its API. It keeps nothing: every answer is an example.
func stripeMock(t *testing.T) (endpoint string) {
	t.Helper()
	mock := filepath.Join(t.TempDir(), "stripe-mock")
	if out, err := exec.Command("go", "build", "-modfile=../../../.ci/tools.mod", "-o", mock, "github.com/stripe/stripe-mock").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	address := freePort(t)
	logs := &tail{}
	cmd := exec.Command(mock, "-http-addr", address)
	cmd.Stdout, cmd.Stderr = logs, logs
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		if cmd.Wait(); t.Failed() {
			t.Logf("stripe-mock:\n%s", logs.text())
		}
	})
	within(t, 30*time.Second, "stripe-mock answers", func() bool {
		r, err := http.Get("http://" + address + "/")
		if err == nil {
			r.Body.Close()
		}
		return err == nil
	})
	return "http://" + address
}

// TestStripeTakesOurCalls has stripe-mock judge everything that is asked of Stripe, and a
// node begin a payment there.
func TestStripeTakesOurCalls(t *testing.T) {
	endpoint := stripeMock(t)
	// It does judge: what Stripe does not know is refused.
	r, err := http.NewRequest("POST", endpoint+"/v1/payment_intents", strings.NewReader(url.Values{"amount": {"100"}, "currency": {"cny"}, "tip": {"1"}}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer sk_test_123")
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	w, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	if w.Body.Close(); w.StatusCode != http.StatusBadRequest {
		t.Fatalf("it takes anything: %d", w.StatusCode)
	}

	a, err := stripe.New(stripe.Config{SecretKey: "sk_test_123", WebhookSecret: "whsec_123", Endpoint: endpoint})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	c := payments.Charge{Store: "demo", ID: newID(), Amount: 7650, Currency: "CNY", Method: "card", ExpiresAt: time.Now().Add(time.Hour)}
	started, err := a.Start(ctx, c)
	if err != nil || started.Outcome != payment.Started || started.Action == nil || started.Action.Data == "" || started.Reference == "" {
		t.Fatalf("start: %+v %+v %v", started, started.Failure, err)
	}
	c.Reference = started.Reference
	for name, call := range map[string]func() (payments.Result, error){
		"query":  func() (payments.Result, error) { return a.Query(ctx, c) },
		"cancel": func() (payments.Result, error) { return a.Cancel(ctx, c) },
		"refund": func() (payments.Result, error) {
			return a.Refund(ctx, c, payments.Refund{ID: newID(), Amount: 100, Reason: "quality"})
		},
	} {
		if r, err := call(); err != nil || r.Outcome == payment.Declined {
			t.Errorf("%s: %+v %+v %v", name, r, r.Failure, err)
		}
	}
	if _, err := a.Statement(ctx, "2026-11-22"); err != nil {
		t.Error("statement", err)
	}

	doc, err := json.Marshal(paymentsfile.File{PublicURL: "http://127.0.0.1", Accounts: []paymentsfile.Entry{
		{Provider: "stripe", SecretKey: "sk_test_123", PublishableKey: "pk_test_123", WebhookSecret: "whsec_123", Endpoint: endpoint}}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "payments.json")
	if err := os.WriteFile(file, doc, 0o600); err != nil {
		t.Fatal(err)
	}
	n := startNode(t, t.TempDir(), "--payments", file)
	till := n.dial(n.token, "till")
	order := newID()
	must(t, send(t, till, "order.place", order, `{"type":"pickup","lines":[{"dish":"mapo-tofu","qty":1}],"contact":{"name":"A","phone":"1"}}`))
	var begun struct {
		D struct {
			State  string
			Action struct{ Kind, Data string }
		}
	}
	if err := json.Unmarshal(send(t, till, "payment.create", newID(), `{"order":"`+order+`","provider":"stripe","amount":100}`).OK, &begun); err != nil ||
		begun.D.State != "pending" || begun.D.Action.Kind != "client_secret" || begun.D.Action.Data == "" {
		t.Errorf("%+v %v", begun, err)
	}
}
