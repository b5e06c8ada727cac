package fake

import (
	"archive/zip"
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/brigata/brigata/gateway/payments/decimal"

	"github.com/brigata/brigata/gateway/payments"
)

// AlipayApp is the stand-in's application at Alipay.
const AlipayApp = "2021000000000001"

type alipay struct{ own, app *rsa.PrivateKey }

func newAlipay() *alipay { return &alipay{newKey(), newKey()} }

// canonical is what is signed of a form.
func canonical(form url.Values, without ...string) string {
	var keys []string
	for k := range form {
		if !slices.Contains(without, k) && form.Get(k) != "" {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for i, k := range keys {
		keys[i] = k + "=" + form.Get(k)
	}
	return strings.Join(keys, "&")
}

func (f *alipay) sign(text string) string {
	sum := sha256.Sum256([]byte(text))
	s, err := rsa.SignPKCS1v15(rand.Reader, f.own, crypto.SHA256, sum[:])
	if err != nil {
		panic(err)
	}
	return base64Of(s)
}

func (f *alipay) signed(form url.Values) bool {
	s, err := base64.StdEncoding.DecodeString(form.Get("sign"))
	sum := sha256.Sum256([]byte(canonical(form, "sign")))
	return err == nil && form.Get("app_id") == AlipayApp && rsa.VerifyPKCS1v15(&f.app.PublicKey, crypto.SHA256, sum[:], s) == nil
}

func (f *alipay) handle(b *Bank, w http.ResponseWriter, r *http.Request, body []byte) {
	if r.Method == http.MethodGet {
		w.Write(f.bill(b, r.URL.Query().Get("date")))
		return
	}
	form, _ := url.ParseQuery(string(body))
	method := form.Get("method")
	answer := map[string]any{"code": "40002", "msg": "Invalid Arguments", "sub_code": "isv.invalid-signature", "sub_msg": "no"}
	if f.signed(form) {
		var in map[string]string
		json.Unmarshal([]byte(form.Get("biz_content")), &in)
		answer = f.do(b, method, in)
		if answer["sub_code"] == nil {
			answer["code"], answer["msg"] = "10000", "Success"
		} else {
			answer["code"], answer["msg"], answer["sub_msg"] = "40004", "Business Failed", "no"
		}
	}
	biz, _ := json.Marshal(answer)
	fmt.Fprintf(w, `{"%s_response":%s,"sign":%q}`, strings.ReplaceAll(method, ".", "_"), biz, f.sign(string(biz)))
}

func (f *alipay) do(b *Bank, method string, in map[string]string) map[string]any {
	no := in["out_trade_no"]
	c := b.find(func(c *Charge) bool { return payments.Compact(c.ID) == no })
	sub := func(code string) map[string]any { return map[string]any{"sub_code": code} }
	switch {
	case method == "alipay.trade.precreate":
		amount, err := decimal.Parse(in["total_amount"])
		if err != nil {
			return sub("isv.invalid-parameter")
		}
		store, _ := url.QueryUnescape(in["passback_params"])
		switch c = b.open(Charge{ID: payments.Dashed(no), Store: store, Amount: amount, Currency: "CNY"}, no); {
		case c.State == "paid":
			return sub("ACQ.TRADE_HAS_SUCCESS")
		case c.State == "closed":
			return sub("ACQ.TRADE_HAS_CLOSE")
		}
		return map[string]any{"out_trade_no": no, "qr_code": "https://qr.alipay.com/" + c.Reference}
	case method == "alipay.data.dataservice.bill.downloadurl.query":
		return map[string]any{"bill_download_url": b.URL + "/bill.zip?date=" + in["bill_date"]}
	case c == nil:
		return sub("ACQ.TRADE_NOT_EXIST")
	case method == "alipay.trade.query":
		return map[string]any{"out_trade_no": no, "trade_no": c.Reference, "trade_status": f.status(c), "total_amount": decimal.Format(c.Amount),
			"trans_currency": c.Currency}
	case method == "alipay.trade.close" && c.State != "open":
		return sub("ACQ.TRADE_STATUS_ERROR")
	case method == "alipay.trade.close":
		c.State = "closed"
		return map[string]any{"out_trade_no": no, "trade_no": c.Reference}
	case method == "alipay.trade.refund":
		amount, _ := decimal.Parse(in["refund_amount"])
		had := len(c.Refunds)
		if !c.refund(payments.Dashed(in["out_request_no"]), amount) {
			return sub("ACQ.REFUND_AMT_NOT_EQUAL_TOTAL")
		}
		change := "N"
		if len(c.Refunds) > had {
			change = "Y"
		}
		return map[string]any{"out_trade_no": no, "trade_no": c.Reference, "fund_change": change, "refund_fee": decimal.Format(amount)}
	case method == "alipay.trade.fastpay.refund.query":
		for _, r := range c.Refunds {
			if payments.Compact(r.ID) == in["out_request_no"] {
				return map[string]any{"out_trade_no": no, "refund_status": "REFUND_SUCCESS", "refund_amount": decimal.Format(r.Amount)}
			}
		}
		return map[string]any{"out_trade_no": no}
	}
	return sub("isv.invalid-method")
}

func (f *alipay) status(c *Charge) string {
	return map[string]string{"open": "WAIT_BUYER_PAY", "paid": "TRADE_SUCCESS", "closed": "TRADE_CLOSED"}[c.State]
}

func (f *alipay) notice(b *Bank, c *Charge) ([]byte, http.Header) {
	form := url.Values{}
	for k, v := range map[string]string{"app_id": AlipayApp, "notify_type": "trade_status_sync", "notify_id": "n" + c.Reference, "notify_time": b.clock().In(china).Format(time.DateTime),
		"out_trade_no": payments.Compact(c.ID), "trade_no": c.Reference, "trade_status": f.status(c), "total_amount": decimal.Format(c.Amount),
		"passback_params": url.QueryEscape(c.Store), "trans_currency": c.Currency, "charset": "utf-8", "version": "1.0"} {
		form.Set(k, v)
	}
	sign := f.sign(canonical(form))
	form.Set("sign", sign)
	form.Set("sign_type", "RSA2")
	return []byte(form.Encode()), http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
}

// bill is the day's trade bill as Alipay writes it: a zip of CSV in GBK.
func (f *alipay) bill(b *Bank, date string) []byte {
	var s strings.Builder
	s.WriteString("#支付宝业务明细查询\r\n支付宝交易号\t,商户订单号\t,业务类型\t,订单金额（元）\t,退款批次号/请求号\t,门店编号\t\r\n")
	for _, c := range b.day(date) {
		fmt.Fprintf(&s, "%s\t,%s\t,交易\t,%s,\t,%s\t\r\n", c.Reference, payments.Compact(c.ID), decimal.Format(c.Amount), c.Store)
		for _, r := range c.Refunds {
			fmt.Fprintf(&s, "%s\t,%s\t,退款\t,%s,%s\t,%s\t\r\n", c.Reference, payments.Compact(c.ID), decimal.Format(-r.Amount), payments.Compact(r.ID), c.Store)
		}
	}
	s.WriteString("#明细列表结束\r\n")
	text, err := simplifiedchinese.GBK.NewEncoder().String(s.String())
	if err != nil {
		panic(err)
	}
	var out bytes.Buffer
	z := zip.NewWriter(&out)
	file, err := z.Create("20260000_trade_detail.csv")
	if err != nil {
		panic(err)
	}
	file.Write([]byte(text))
	z.Close()
	return out.Bytes()
}
