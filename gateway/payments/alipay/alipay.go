// Package alipay takes money through Alipay: precreate, a QR that the payer scans. A
// trade begins to exist only when it is scanned. Amounts are yuan with two decimals.
package alipay

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/smartwalle/alipay/v3"
	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/brigata/brigata/actors/payment"
	"github.com/brigata/brigata/gateway/payments"
	"github.com/brigata/brigata/gateway/payments/decimal"
)

// Config is an application at Alipay.
type Config struct {
	AppID      string
	PrivateKey string // ours
	PublicKey  string // Alipay's
	NotifyURL  string // https://…/v1/payments/alipay/notify
	Subject    string // what payers see
	Sandbox    bool
	Endpoint   string // "": Alipay's own
}

var china = time.FixedZone("CST", 8*3600)

// Account is a payments.Provider.
type Account struct {
	config Config
	client *alipay.Client
	web    *http.Client
}

// New makes an account.
func New(c Config) (*Account, error) {
	if c.AppID == "" || c.NotifyURL == "" {
		return nil, errors.New("alipay: app_id and a notify_url are needed")
	}
	if c.Subject == "" {
		c.Subject = "餐饮"
	}
	web, err := payments.Client(c.Endpoint)
	if err != nil {
		return nil, err
	}
	client, err := alipay.New(c.AppID, c.PrivateKey, !c.Sandbox, alipay.WithHTTPClient(web), alipay.WithTimeLocation(china))
	if err != nil {
		return nil, fmt.Errorf("alipay: private_key: %w", err)
	}
	if err := client.LoadAliPayPublicKey(c.PublicKey); err != nil {
		return nil, fmt.Errorf("alipay: public_key: %w", err)
	}
	return &Account{c, client, web}, nil
}

// storeMax is how long Alipay lets a store's id be.
const storeMax = 32

// Start makes the QR; made again under the same number it leads to the same trade.
func (a *Account) Start(ctx context.Context, c payments.Charge) (payments.Result, error) {
	if c.Currency != "CNY" {
		return payments.Declined("currency", "Alipay takes CNY"), nil
	}
	p := alipay.TradePreCreate{}
	p.NotifyURL, p.Subject, p.OutTradeNo, p.TotalAmount = a.config.NotifyURL, a.config.Subject, payments.Compact(c.ID), decimal.Format(c.Amount)
	p.PassbackParams, p.TimeExpire = url.QueryEscape(c.Store), c.ExpiresAt.In(china).Format(time.DateTime)
	if len(c.Store) <= storeMax { // of the bill
		p.StoreId = c.Store
	}
	r, err := a.client.TradePreCreate(ctx, p)
	if sub := sub(err, r == nil, func() alipay.Error { return r.Error }); sub != nil {
		if sub.SubCode == "ACQ.TRADE_HAS_SUCCESS" {
			return a.Query(ctx, c)
		}
		return refused(*sub)
	}
	if err != nil {
		return payments.Result{}, err
	}
	return payments.Result{Outcome: payment.Started, Action: &payment.Action{Kind: "qr", Data: r.QRCode}}, nil
}

// Query says how the trade stands.
func (a *Account) Query(ctx context.Context, c payments.Charge) (payments.Result, error) {
	r, err := a.client.TradeQuery(ctx, alipay.TradeQuery{OutTradeNo: payments.Compact(c.ID)})
	if sub := sub(err, r == nil, func() alipay.Error { return r.Error }); sub != nil {
		if sub.SubCode == "ACQ.TRADE_NOT_EXIST" {
			return payments.Result{}, payments.ErrNone
		}
		return payments.Result{}, *sub
	}
	if err != nil {
		return payments.Result{}, err
	}
	return resultOf(string(r.TradeStatus), r.TradeNo, r.TotalAmount, r.TransCurrency)
}

// resultOf reads a trade; its currency is named only where it is not yuan.
func resultOf(status, no, total, currency string) (payments.Result, error) {
	r := payments.Result{Reference: no}
	switch status {
	case "TRADE_SUCCESS", "TRADE_FINISHED":
		amount, err := decimal.Parse(total)
		r.Outcome, r.Amount, r.Currency = payment.Charged, amount, cmp.Or(currency, "CNY")
		return r, err
	case "TRADE_CLOSED":
		r.Outcome = payment.Dropped
	case "WAIT_BUYER_PAY":
		r.Outcome = payment.Started
	default:
		return r, fmt.Errorf("a trade is %q", status)
	}
	return r, nil
}

// Cancel closes the trade; one that is paid cannot be. Where it was never scanned there
// is nothing to close, and its QR runs out by itself.
func (a *Account) Cancel(ctx context.Context, c payments.Charge) (payments.Result, error) {
	r, err := a.Query(ctx, c)
	switch {
	case errors.Is(err, payments.ErrNone):
		return payments.Result{Outcome: payment.Dropped}, nil
	case err != nil || r.Outcome != payment.Started:
		return r, err
	}
	x, err := a.client.TradeClose(ctx, alipay.TradeClose{OutTradeNo: payments.Compact(c.ID)})
	if sub := sub(err, x == nil, func() alipay.Error { return x.Error }); sub != nil {
		if r, err = a.Query(ctx, c); err == nil && r.Outcome == payment.Started {
			err = *sub
		}
		return r, err
	}
	if err != nil {
		return payments.Result{}, err
	}
	return payments.Result{Outcome: payment.Dropped}, nil
}

// Refund gives back under the refund's id. Where the answer does not say that money has
// moved, the refund is looked up.
func (a *Account) Refund(ctx context.Context, c payments.Charge, r payments.Refund) (payments.Result, error) {
	no, refund := payments.Compact(c.ID), payments.Compact(r.ID)
	x, err := a.client.TradeRefund(ctx, alipay.TradeRefund{OutTradeNo: no, RefundAmount: decimal.Format(r.Amount), RefundReason: r.Reason, OutRequestNo: refund})
	if sub := sub(err, x == nil, func() alipay.Error { return x.Error }); sub != nil {
		return refused(*sub)
	}
	if err != nil {
		return payments.Result{}, err
	}
	if x.FundChange == "Y" {
		return payments.Result{Outcome: payment.Charged}, nil
	}
	q, err := a.client.TradeFastPayRefundQuery(ctx, alipay.TradeFastPayRefundQuery{OutTradeNo: no, OutRequestNo: refund})
	if err != nil {
		return payments.Result{}, err
	}
	if q.RefundStatus == "REFUND_SUCCESS" {
		return payments.Result{Outcome: payment.Charged}, nil
	}
	return payments.Result{Outcome: payment.Doubtful}, nil
}

// sub is what Alipay says went wrong, whichever way the library tells; nil: nothing, or
// nobody knows.
func sub(err error, none bool, of func() alipay.Error) *alipay.Error {
	if e, ok := errors.AsType[*alipay.Error](err); ok {
		return e
	}
	if err != nil || none {
		return nil
	}
	if e := of(); !e.IsSuccess() {
		return &e
	}
	return nil
}

// refused tells what is refused for good from what is not known.
func refused(e alipay.Error) (payments.Result, error) {
	if e.Code == "20000" || e.SubCode == "ACQ.SYSTEM_ERROR" || e.SubCode == "aop.ACQ.SYSTEM_ERROR" {
		return payments.Result{}, e
	}
	return payments.Declined(e.SubCode, e.SubMsg), nil
}

// Notice verifies and reads a notification: a signed form.
func (a *Account) Notice(_ *http.Request, body []byte) (payments.Notice, error) {
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return payments.Notice{}, errors.Join(payments.ErrForged, err)
	}
	x, err := a.client.DecodeNotification(form)
	if err != nil || x.AppId != a.config.AppID {
		return payments.Notice{}, errors.Join(payments.ErrForged, err)
	}
	store, err := url.QueryUnescape(x.PassbackParams)
	n := payments.Notice{Store: store, Payment: payments.Dashed(x.OutTradeNo)}
	if err != nil || store == "" || n.Payment == "" || x.OutBizNo != "" || x.RefundFee != "" { // of refunds our own call says
		return n, payments.ErrIgnored
	}
	if n.Result, err = resultOf(string(x.TradeStatus), x.TradeNo, x.TotalAmount, form.Get("trans_currency")); err != nil || n.Outcome == payment.Started {
		return n, payments.ErrIgnored
	}
	return n, nil
}

// Acknowledge answers in the provider's way.
func (a *Account) Acknowledge(w http.ResponseWriter, err error) {
	if err != nil {
		io.WriteString(w, "failure")
		return
	}
	io.WriteString(w, "success")
}

// statementMax bounds a day's bill.
const statementMax = 64 << 20

// Statement reads the trade bill of a date in China: a zip of CSV in GBK.
func (a *Account) Statement(ctx context.Context, date string) ([]payments.Entry, error) {
	r, err := a.client.BillDownloadURLQuery(ctx, alipay.BillDownloadURLQuery{BillType: "trade", BillDate: date})
	if sub := sub(err, r == nil, func() alipay.Error { return r.Error }); sub != nil {
		if strings.Contains(sub.SubCode, "NOT_EXIST") {
			return nil, nil
		}
		return nil, *sub
	}
	if err != nil {
		return nil, err
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, r.BillDownloadURL, nil)
	if err != nil {
		return nil, err
	}
	res, err := a.web.Do(q)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	b, err := io.ReadAll(io.LimitReader(res.Body, statementMax))
	if err != nil {
		return nil, err
	}
	return entries(b)
}

// entries reads the file of details: lines that begin with # are comments, values end in
// tabs, and refunds are lines of their own with negative amounts.
func entries(archive []byte) (out []payments.Entry, err error) {
	z, err := zip.NewReader(bytes.NewReader(archive), int64(len(archive)))
	if err != nil {
		return nil, err
	}
	for _, f := range z.File {
		name, _ := simplifiedchinese.GBK.NewDecoder().String(f.Name)
		if strings.Contains(name, "汇总") || strings.Contains(f.Name, "汇总") {
			continue
		}
		r, err := f.Open()
		if err != nil {
			return nil, err
		}
		rows := csv.NewReader(simplifiedchinese.GBK.NewDecoder().Reader(io.LimitReader(r, statementMax)))
		rows.Comment, rows.FieldsPerRecord, rows.LazyQuotes = '#', -1, true
		all, err := rows.ReadAll()
		r.Close()
		if err != nil {
			return nil, err
		}
		if out, err = lines(all, out); err != nil {
			return nil, err
		}
	}
	return out, nil
}

func lines(rows [][]string, out []payments.Entry) ([]payments.Entry, error) {
	if len(rows) == 0 {
		return out, nil
	}
	column := map[string]int{}
	for i, name := range rows[0] {
		column[strings.TrimSpace(name)] = i
	}
	for _, need := range []string{"商户订单号", "业务类型", "订单金额（元）", "退款批次号/请求号", "门店编号"} {
		if _, ok := column[need]; !ok {
			return nil, fmt.Errorf("the bill has no column %s", need)
		}
	}
	for _, row := range rows[1:] {
		if len(row) < len(rows[0]) {
			continue
		}
		at := func(name string) string { return strings.TrimSpace(row[column[name]]) }
		amount, err := decimal.Parse(at("订单金额（元）"))
		if err != nil {
			return nil, err
		}
		e := payments.Entry{Store: at("门店编号"), Payment: payments.Dashed(at("商户订单号")), Amount: max(amount, -amount)}
		if at("业务类型") == "退款" {
			e.Refund = payments.Dashed(at("退款批次号/请求号"))
		}
		out = append(out, e)
	}
	return out, nil
}
