package wechat

import (
	"context"
	"crypto/sha1"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/brigata/brigata/gateway/payments"
	"github.com/brigata/brigata/gateway/payments/decimal"
)

// statementMax bounds a day's bill.
const statementMax = 64 << 20

// Statement reads the merchant's trade bill of a date in China.
func (a *Account) Statement(ctx context.Context, date string) ([]payments.Entry, error) {
	r, err := a.client.Get(ctx, "https://api.mch.weixin.qq.com/v3/bill/tradebill?bill_date="+url.QueryEscape(date)+"&bill_type=ALL")
	if code(err) == "NO_STATEMENT_EXIST" {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var at struct {
		HashType    string `json:"hash_type"`
		HashValue   string `json:"hash_value"`
		DownloadURL string `json:"download_url"`
	}
	err = json.NewDecoder(io.LimitReader(r.Response.Body, 1<<20)).Decode(&at)
	r.Response.Body.Close()
	if err != nil {
		return nil, err
	}
	bill, err := a.download(ctx, at.DownloadURL)
	if err != nil {
		return nil, err
	}
	if fmt.Sprintf("%x", sha1.Sum(bill)) != strings.ToLower(at.HashValue) {
		return nil, errors.New("the bill is not what its hash says")
	}
	return entries(string(bill))
}

// download fetches the bill. Downloads are not signed by WeChat Pay; the bill's hash,
// which came signed, vouches for them.
func (a *Account) download(ctx context.Context, from string) ([]byte, error) {
	r, err := a.unsigned.Get(ctx, from)
	if err != nil {
		return nil, err
	}
	defer r.Response.Body.Close()
	if r.Response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the bill: %s", r.Response.Status)
	}
	return io.ReadAll(io.LimitReader(r.Response.Body, statementMax))
}

// entries reads the bill: a header line, then lines whose values begin with a backtick,
// then a summary.
func entries(bill string) (out []payments.Entry, err error) {
	rows := csv.NewReader(strings.NewReader(strings.TrimPrefix(bill, "\ufeff")))
	rows.FieldsPerRecord, rows.LazyQuotes = -1, true
	head, err := rows.Read()
	if err != nil {
		return nil, err
	}
	column := map[string]int{}
	for i, name := range head {
		column[name] = i
	}
	for _, need := range []string{"商户订单号", "交易状态", "应结订单金额", "商户退款单号", "退款金额", "商户数据包"} {
		if _, ok := column[need]; !ok {
			return nil, fmt.Errorf("the bill has no column %s", need)
		}
	}
	for {
		row, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if !strings.HasPrefix(row[0], "`") { // the summary
			return out, nil
		}
		at := func(name string) string { return strings.TrimPrefix(row[column[name]], "`") }
		e, amount := payments.Entry{Store: at("商户数据包"), Payment: payments.Dashed(at("商户订单号"))}, at("应结订单金额")
		if at("交易状态") == "REFUND" {
			e.Refund, amount = payments.Dashed(at("商户退款单号")), at("退款金额")
		}
		if e.Amount, err = decimal.Parse(amount); err != nil {
			return nil, err
		}
		out = append(out, e)
	}
}
