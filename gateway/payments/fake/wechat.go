package fake

import (
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/brigata/brigata/gateway/payments"
	"github.com/brigata/brigata/gateway/payments/decimal"
)

// The stand-in's merchant at WeChat Pay.
const (
	WechatApp    = "wx_fake"
	WechatMch    = "1900000001"
	WechatSerial = "5157F09EFDC096DE15EBE81A47057A7232F1B8E1"
	WechatV3Key  = "0123456789abcdef0123456789abcdef"
	WechatKeyID  = "PUB_KEY_ID_0000000001"
)

// wechat signs with its own key and checks the merchant's.
type wechat struct{ own, merchant *rsa.PrivateKey }

func newWechat() *wechat { return &wechat{newKey(), newKey()} }

var authorization = regexp.MustCompile(`mchid="(\w+)",nonce_str="(\w+)",timestamp="(\d+)",serial_no="(\w+)",signature="([^"]+)"`)

// signed checks the merchant's signature over the request.
func (f *wechat) signed(r *http.Request, body []byte) bool {
	m := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if m == nil || m[1] != WechatMch || m[4] != WechatSerial {
		return false
	}
	signature, err := base64.StdEncoding.DecodeString(m[5])
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n%s\n%s\n", r.Method, r.URL.RequestURI(), m[3], m[2], body))
	return err == nil && rsa.VerifyPKCS1v15(&f.merchant.PublicKey, crypto.SHA256, sum[:], signature) == nil
}

// sign adds the headers that vouch for a body.
func (f *wechat) sign(h http.Header, body []byte, at time.Time) {
	stamp, nonce := strconv.FormatInt(at.Unix(), 10), rand.Text()
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n", stamp, nonce, body))
	signature, err := rsa.SignPKCS1v15(rand.Reader, f.own, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	h.Set("Wechatpay-Timestamp", stamp)
	h.Set("Wechatpay-Nonce", nonce)
	h.Set("Wechatpay-Signature", base64Of(signature))
	h.Set("Wechatpay-Serial", WechatKeyID)
	h.Set("Request-Id", nonce)
	h.Set("Content-Type", "application/json")
}

func (f *wechat) answer(w http.ResponseWriter, status int, v any) {
	var body []byte
	if v != nil {
		body, _ = json.Marshal(v)
	}
	f.sign(w.Header(), body, time.Now())
	w.WriteHeader(status)
	w.Write(body)
}

func (f *wechat) fail(w http.ResponseWriter, status int, code string) {
	f.answer(w, status, map[string]string{"code": code, "message": "no"})
}

func (f *wechat) handle(b *Bank, w http.ResponseWriter, r *http.Request, body []byte) {
	if !f.signed(r, body) {
		f.fail(w, 401, "SIGN_ERROR")
		return
	}
	var in struct {
		OutTradeNo  string `json:"out_trade_no"`
		OutRefundNo string `json:"out_refund_no"`
		Attach      string `json:"attach"`
		Amount      struct {
			Total, Refund int64
			Currency      string
		} `json:"amount"`
		Payer struct {
			OpenID string `json:"openid"`
		} `json:"payer"`
	}
	json.Unmarshal(body, &in)
	no, byNo := strings.CutPrefix(r.URL.Path, "/v3/pay/transactions/out-trade-no/")
	no, closes := strings.CutSuffix(no, "/close")
	if byNo {
		in.OutTradeNo = no
	}
	c := b.find(func(c *Charge) bool { return payments.Compact(c.ID) == in.OutTradeNo })
	switch {
	case r.URL.Path == "/v3/pay/transactions/native" || r.URL.Path == "/v3/pay/transactions/jsapi":
		f.prepay(b, w, r, in.OutTradeNo, Charge{ID: payments.Dashed(in.OutTradeNo), Store: in.Attach, Amount: in.Amount.Total, Currency: in.Amount.Currency})
	case r.URL.Path == "/v3/bill/tradebill":
		bill := f.bill(b, r.URL.Query().Get("bill_date"))
		f.answer(w, 200, map[string]string{"hash_type": "SHA1", "hash_value": fmt.Sprintf("%x", sha1.Sum(bill)), "download_url": "https://api.mch.weixin.qq.com/v3/billdownload/file?token=" + r.URL.Query().Get("bill_date")})
	case r.URL.Path == "/v3/billdownload/file":
		w.Write(f.bill(b, r.URL.Query().Get("token")))
	case byNo && c == nil:
		f.fail(w, 404, "ORDER_NOT_EXIST")
	case byNo && closes && c.State == "paid":
		f.fail(w, 400, "ORDERPAID")
	case byNo && closes:
		c.State = "closed"
		f.answer(w, 204, nil)
	case byNo:
		f.answer(w, 200, f.transaction(c))
	case r.URL.Path == "/v3/refund/domestic/refunds" && (c == nil || !c.refund(payments.Dashed(in.OutRefundNo), in.Amount.Refund)):
		f.fail(w, 403, "NOT_ENOUGH")
	case r.URL.Path == "/v3/refund/domestic/refunds":
		f.answer(w, 200, map[string]any{"refund_id": "r" + in.OutRefundNo, "out_refund_no": in.OutRefundNo, "transaction_id": c.Reference, "out_trade_no": in.OutTradeNo,
			"channel": "ORIGINAL", "user_received_account": "x", "create_time": time.Now().Format(time.RFC3339), "status": "SUCCESS",
			"amount": map[string]any{"total": c.Amount, "refund": in.Amount.Refund, "payer_total": c.Amount, "payer_refund": in.Amount.Refund, "settlement_refund": in.Amount.Refund, "settlement_total": c.Amount, "discount_refund": 0, "currency": "CNY"}})
	default:
		f.fail(w, 404, "NOT_FOUND")
	}
}

func (f *wechat) prepay(b *Bank, w http.ResponseWriter, r *http.Request, no string, asked Charge) {
	c := b.open(asked, no)
	switch {
	case c.Amount != asked.Amount:
		f.fail(w, 400, "OUT_TRADE_NO_USED")
	case c.State == "paid":
		f.fail(w, 400, "ORDERPAID")
	case c.State == "closed":
		f.fail(w, 400, "ORDER_CLOSED")
	case strings.HasSuffix(r.URL.Path, "jsapi"):
		f.answer(w, 200, map[string]string{"prepay_id": "wx" + c.Reference})
	default:
		f.answer(w, 200, map[string]string{"code_url": "weixin://wxpay/bizpayurl?pr=" + c.Reference})
	}
}

func (f *wechat) transaction(c *Charge) map[string]any {
	t := map[string]any{"appid": WechatApp, "mchid": WechatMch, "out_trade_no": payments.Compact(c.ID), "attach": c.Store, "trade_type": "NATIVE",
		"trade_state":      map[string]string{"open": "NOTPAY", "paid": "SUCCESS", "closed": "CLOSED"}[c.State],
		"trade_state_desc": "x", "amount": map[string]any{"total": c.Amount, "payer_total": c.Amount, "currency": c.Currency}}
	if c.State == "paid" {
		t["transaction_id"], t["success_time"] = c.Reference, time.Now().Format(time.RFC3339)
	}
	return t
}

// notice is a transaction, encrypted with the merchant's key and signed.
func (f *wechat) notice(b *Bank, c *Charge) ([]byte, http.Header) {
	plain, _ := json.Marshal(f.transaction(c))
	block, err := aes.NewCipher([]byte(WechatV3Key))
	if err != nil {
		panic(err)
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic(err)
	}
	nonce := rand.Text()[:12]
	sealed := gcm.Seal(nil, []byte(nonce), plain, []byte("transaction"))
	body, _ := json.Marshal(map[string]any{"id": "EV-" + c.Reference, "create_time": time.Now().Format(time.RFC3339), "resource_type": "encrypt-resource",
		"event_type": "TRANSACTION.SUCCESS", "summary": "x", "resource": map[string]string{"original_type": "transaction", "algorithm": "AEAD_AES_256_GCM",
			"ciphertext": base64Of(sealed), "associated_data": "transaction", "nonce": nonce}})
	h := http.Header{}
	f.sign(h, body, b.clock())
	return body, h
}

// bill is the day's trade bill as WeChat Pay writes it.
func (f *wechat) bill(b *Bank, date string) []byte {
	var s strings.Builder
	s.WriteString("\ufeff交易时间,公众账号ID,商户号,商户订单号,交易状态,应结订单金额,商户退款单号,退款金额,商户数据包\r\n")
	n := 0
	for _, c := range b.day(date) {
		n++
		fmt.Fprintf(&s, "`2026-11-22 12:00:00,`%s,`%s,`%s,`SUCCESS,`%s,`0,`0.00,`%s\r\n", WechatApp, WechatMch, payments.Compact(c.ID), decimal.Format(c.Amount), c.Store)
		for _, r := range c.Refunds {
			fmt.Fprintf(&s, "`2026-11-22 12:00:00,`%s,`%s,`%s,`REFUND,`%s,`%s,`%s,`%s\r\n", WechatApp, WechatMch, payments.Compact(c.ID), decimal.Format(0), payments.Compact(r.ID), decimal.Format(r.Amount), c.Store)
		}
	}
	fmt.Fprintf(&s, "总交易单数,应结订单总金额,退款总金额\r\n`%d,`0.00,`0.00\r\n", n)
	return []byte(s.String())
}
