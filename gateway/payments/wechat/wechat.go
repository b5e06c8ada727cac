// Package wechat takes money through WeChat Pay (API v3): Native, a QR that the payer
// scans, and JSAPI, inside WeChat's own browser. Amounts are fen, as ours are.
package wechat

import (
	"bytes"
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/wechatpay-apiv3/wechatpay-go/core"
	"github.com/wechatpay-apiv3/wechatpay-go/core/auth/verifiers"
	"github.com/wechatpay-apiv3/wechatpay-go/core/notify"
	"github.com/wechatpay-apiv3/wechatpay-go/core/option"
	wx "github.com/wechatpay-apiv3/wechatpay-go/services/payments"
	"github.com/wechatpay-apiv3/wechatpay-go/services/payments/jsapi"
	"github.com/wechatpay-apiv3/wechatpay-go/services/payments/native"
	"github.com/wechatpay-apiv3/wechatpay-go/services/refunddomestic"
	"github.com/wechatpay-apiv3/wechatpay-go/utils"

	"github.com/brigata/brigata/actors/payment"
	"github.com/brigata/brigata/gateway/payments"
)

// Config is a merchant at WeChat Pay.
type Config struct {
	AppID       string
	MchID       string
	Serial      string // of the merchant's certificate
	PrivateKey  string // PEM, the merchant's
	APIv3Key    string // 32 bytes: opens notifications
	PublicKeyID string // of WeChat Pay's key
	PublicKey   string // PEM, WeChat Pay's
	NotifyURL   string // https://…/v1/payments/wechat/notify
	Description string // what payers see
	Endpoint    string // "": WeChat Pay's own
}

// Account is a payments.Provider.
type Account struct {
	config   Config
	client   *core.Client
	unsigned *core.Client // for downloads
	notices  *notify.Handler
}

// New makes an account.
func New(c Config) (*Account, error) {
	if c.AppID == "" || c.MchID == "" || c.Serial == "" || c.NotifyURL == "" {
		return nil, errors.New("wechat: app_id, mch_id, serial and a notify_url are needed")
	}
	if c.Description == "" {
		c.Description = "餐饮"
	}
	private, err := utils.LoadPrivateKey(c.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("wechat: private_key: %w", err)
	}
	public, err := utils.LoadPublicKey(c.PublicKey)
	if err != nil {
		return nil, fmt.Errorf("wechat: public_key: %w", err)
	}
	web, err := payments.Client(c.Endpoint)
	if err != nil {
		return nil, err
	}
	return newAccount(c, private, public, web)
}

func newAccount(c Config, private *rsa.PrivateKey, public *rsa.PublicKey, web *http.Client) (*Account, error) {
	client, err := core.NewClient(context.Background(), option.WithWechatPayPublicKeyAuthCipher(c.MchID, c.Serial, private, c.PublicKeyID, public),
		option.WithHTTPClient(web))
	if err != nil {
		return nil, fmt.Errorf("wechat: %w", err)
	}
	unsigned, err := core.NewClient(context.Background(), option.WithMerchantCredential(c.MchID, c.Serial, private), option.WithHTTPClient(web), option.WithoutValidator())
	if err != nil {
		return nil, fmt.Errorf("wechat: %w", err)
	}
	notices, err := notify.NewRSANotifyHandler(c.APIv3Key, verifiers.NewSHA256WithRSAPubkeyVerifier(c.PublicKeyID, *public))
	if err != nil {
		return nil, fmt.Errorf("wechat: api_v3_key: %w", err)
	}
	return &Account{c, client, unsigned, notices}, nil
}

// Start makes the order; made again with the same number and content it is the same one.
func (a *Account) Start(ctx context.Context, c payments.Charge) (payments.Result, error) {
	if c.Currency != "CNY" {
		return payments.Declined("currency", "WeChat Pay takes CNY"), nil
	}
	action, err := a.prepay(ctx, c)
	if err == nil {
		return payments.Result{Outcome: payment.Started, Action: action}, nil
	}
	if code(err) == "ORDERPAID" {
		return a.Query(ctx, c)
	}
	return refused(err)
}

func (a *Account) prepay(ctx context.Context, c payments.Charge) (*payment.Action, error) {
	no, expires := payments.Compact(c.ID), c.ExpiresAt
	if c.Method == "jsapi" {
		svc := jsapi.JsapiApiService{Client: a.client}
		r, _, err := svc.PrepayWithRequestPayment(ctx, jsapi.PrepayRequest{Appid: &a.config.AppID, Mchid: &a.config.MchID, Description: &a.config.Description,
			OutTradeNo: &no, TimeExpire: &expires, Attach: &c.Store, NotifyUrl: &a.config.NotifyURL,
			Amount: &jsapi.Amount{Total: &c.Amount, Currency: &c.Currency}, Payer: &jsapi.Payer{Openid: &c.OpenID}})
		if err != nil {
			return nil, err
		}
		return &payment.Action{Kind: "jsapi", Params: map[string]string{"appId": *r.Appid, "timeStamp": *r.TimeStamp, "nonceStr": *r.NonceStr,
			"package": *r.Package, "signType": *r.SignType, "paySign": *r.PaySign}}, nil
	}
	svc := native.NativeApiService{Client: a.client}
	r, _, err := svc.Prepay(ctx, native.PrepayRequest{Appid: &a.config.AppID, Mchid: &a.config.MchID, Description: &a.config.Description,
		OutTradeNo: &no, TimeExpire: &expires, Attach: &c.Store, NotifyUrl: &a.config.NotifyURL,
		Amount: &native.Amount{Total: &c.Amount, Currency: &c.Currency}})
	if err != nil {
		return nil, err
	}
	return &payment.Action{Kind: "qr", Data: *r.CodeUrl}, nil
}

// Query says how the order stands.
func (a *Account) Query(ctx context.Context, c payments.Charge) (payments.Result, error) {
	no := payments.Compact(c.ID)
	svc := native.NativeApiService{Client: a.client} // it answers for orders of every kind
	t, _, err := svc.QueryOrderByOutTradeNo(ctx, native.QueryOrderByOutTradeNoRequest{OutTradeNo: &no, Mchid: &a.config.MchID})
	switch {
	case code(err) == "ORDER_NOT_EXIST" || code(err) == "RESOURCE_NOT_EXISTS":
		return payments.Result{}, payments.ErrNone
	case err != nil:
		return payments.Result{}, err
	}
	return resultOf(t), nil
}

func resultOf(t *wx.Transaction) payments.Result {
	r := payments.Result{Reference: text(t.TransactionId)}
	switch text(t.TradeState) {
	case "SUCCESS", "REFUND":
		r.Outcome = payment.Charged
		if t.Amount != nil && t.Amount.Total != nil {
			r.Amount, r.Currency = *t.Amount.Total, text(t.Amount.Currency)
		}
	case "CLOSED", "REVOKED":
		r.Outcome = payment.Dropped
	default: // NOTPAY, USERPAYING, PAYERROR: it can still be paid
		r.Outcome = payment.Started
	}
	return r
}

// Cancel closes the order; one that is paid cannot be.
func (a *Account) Cancel(ctx context.Context, c payments.Charge) (payments.Result, error) {
	r, err := a.Query(ctx, c)
	switch {
	case errors.Is(err, payments.ErrNone):
		return payments.Result{Outcome: payment.Dropped}, nil // nobody has its QR
	case err != nil || r.Outcome != payment.Started:
		return r, err
	}
	no := payments.Compact(c.ID)
	svc := native.NativeApiService{Client: a.client}
	if _, err = svc.CloseOrder(ctx, native.CloseOrderRequest{OutTradeNo: &no, Mchid: &a.config.MchID}); err == nil || code(err) == "ORDER_CLOSED" {
		return payments.Result{Outcome: payment.Dropped}, nil
	}
	if code(err) == "ORDERPAID" || code(err) == "ORDER_PAID" {
		return a.Query(ctx, c)
	}
	return payments.Result{}, err
}

// Refund gives back under the refund's id; asked for again, it answers how that stands.
func (a *Account) Refund(ctx context.Context, c payments.Charge, r payments.Refund) (payments.Result, error) {
	no, refund := payments.Compact(c.ID), payments.Compact(r.ID)
	svc := refunddomestic.RefundsApiService{Client: a.client}
	x, _, err := svc.Create(ctx, refunddomestic.CreateRequest{OutTradeNo: &no, OutRefundNo: &refund, Reason: &r.Reason, NotifyUrl: &a.config.NotifyURL,
		Amount: &refunddomestic.AmountReq{Refund: &r.Amount, Total: &c.Amount, Currency: &c.Currency}})
	if err != nil {
		return refused(err)
	}
	if x.Status == nil {
		return payments.Result{Outcome: payment.Doubtful}, nil
	}
	return refundOf(string(*x.Status)), nil
}

func refundOf(status string) payments.Result {
	switch status {
	case "SUCCESS":
		return payments.Result{Outcome: payment.Charged}
	case "CLOSED", "ABNORMAL":
		return payments.Declined(status, "WeChat Pay could not give the money back")
	}
	return payments.Result{Outcome: payment.Doubtful}
}

// Notice verifies, opens and reads a notification.
func (a *Account) Notice(r *http.Request, body []byte) (payments.Notice, error) {
	r = r.Clone(r.Context())
	r.Body = io.NopCloser(bytes.NewReader(body))
	var content struct {
		wx.Transaction
		OutRefundNo  string `json:"out_refund_no"`
		RefundStatus string `json:"refund_status"`
	}
	if _, err := a.notices.ParseNotifyRequest(r.Context(), r, &content); err != nil {
		return payments.Notice{}, errors.Join(payments.ErrForged, err)
	}
	n := payments.Notice{Store: text(content.Attach), Payment: payments.Dashed(text(content.OutTradeNo))}
	switch {
	case content.OutRefundNo != "":
		// A refund's notification does not say whose it is: the next query of it tells.
		return n, payments.ErrIgnored
	case n.Payment == "" || n.Store == "":
		return n, payments.ErrIgnored
	}
	n.Result = resultOf(&content.Transaction)
	return n, nil
}

// Acknowledge answers in the provider's way.
func (a *Account) Acknowledge(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json")
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		io.WriteString(w, `{"code":"FAIL","message":"try again"}`)
		return
	}
	io.WriteString(w, `{"code":"SUCCESS","message":"OK"}`)
}

// refused tells what is refused for good from what is not known.
func refused(err error) (payments.Result, error) {
	if e, ok := errors.AsType[*core.APIError](err); ok && e.StatusCode < 500 && e.StatusCode != http.StatusTooManyRequests && e.StatusCode != http.StatusUnauthorized {
		switch e.Code {
		case "", "SYSTEM_ERROR", "FREQUENCY_LIMITED", "BANK_ERROR": // no code: it is not the provider who speaks
		default:
			return payments.Declined(e.Code, e.Message), nil
		}
	}
	return payments.Result{}, err
}

func code(err error) string {
	if e, ok := errors.AsType[*core.APIError](err); ok {
		return e.Code
	}
	return ""
}

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
