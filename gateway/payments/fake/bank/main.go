// Bank runs the payment providers' stand-ins beside a node, for the browser tests. It
// writes the node's payments file to the name that it is given, prints a line, and then
// does what each line of its input says, until that ends.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"github.com/brigata/brigata/gateway/payments/accounts"
	"github.com/brigata/brigata/gateway/payments/fake"
)

// ask is one line: a fault for the next call to a provider, or a payment that its payer
// pays, of which the provider tells the address in Notify unless that is empty.
type ask struct {
	Provider string     `json:"provider"`
	Next     fake.Fault `json:"next"`
	Payment  string     `json:"payment"`
	Notify   string     `json:"notify"`
}

func main() {
	if err := run(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(file string) error {
	banks := map[string]*fake.Bank{}
	doc := accounts.File{PublicURL: "http://127.0.0.1"}
	for _, name := range []string{"stripe", "wechat", "alipay"} {
		b := fake.New(name)
		defer b.Close()
		banks[name] = b
		doc.Accounts = append(doc.Accounts, b.Entry())
	}
	text, err := json.Marshal(doc)
	if err != nil {
		return err
	}
	if err := os.WriteFile(file, text, 0o600); err != nil {
		return err
	}
	fmt.Println("ready")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		var a ask
		if err := json.Unmarshal(lines.Bytes(), &a); err != nil {
			return err
		}
		b := banks[a.Provider]
		switch {
		case b == nil:
			return fmt.Errorf("%q is no provider", a.Provider)
		case a.Next != "":
			b.Next(a.Next)
			fmt.Println("ok")
		case !b.Pay(a.Payment):
			fmt.Println("not open")
		case a.Notify == "":
			fmt.Println("ok")
		default:
			if _, err := b.Notify(context.Background(), a.Notify, a.Payment); err != nil {
				return err
			}
			fmt.Println("ok")
		}
	}
	return nil
}
