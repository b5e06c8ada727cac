package server

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"connectrpc.com/connect"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/wire/pb/service"
	"github.com/brigata/brigata/gateway"
)

// byByte sends a byte every few milliseconds for as long as somebody takes them.
type byByte struct{ stop chan struct{} }

func (b byByte) Read(p []byte) (int, error) {
	select {
	case <-b.stop:
		return 0, io.ErrUnexpectedEOF
	case <-time.After(10 * time.Millisecond):
		p[0] = ' '
		return 1, nil
	}
}

// A client that sends headers or a body a byte at a time, or takes no answer, holds nothing
// for longer than a request may take, over HTTP/1 and HTTP/2, whether its handler reads the body or not.
// Sockets and the service's streams live on.
func TestSlowClients(t *testing.T) {
	const within = 400 * time.Millisecond
	h := limited(t, gateway.Limits{HeaderWithin: within, RequestWithin: within, TakenWithin: 3 * within, IdleWithin: within})
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	token := h.token("ann", command.Expo, "demo", "")
	var placed struct{ Order string }
	h.must(h.dial(h.token("lin", command.Waiter, "demo", "")), "order.place", `{"type":"dine_in","table":"T01","lines":[{"dish":"mapo-tofu","qty":1}]}`, &placed)
	began := time.Now()
	socket := h.dial(token)
	watch, err := h.service(token).WatchOrders(ctx, connect.NewRequest(&service.WatchOrdersRequest{Orders: []string{placed.Order}}))
	if err != nil || !watch.Receive() {
		t.Fatal(err, watch.Err())
	}
	session := h.service(token).Session(ctx)
	if err := session.Send(nil); err != nil { // its headers
		t.Fatal(err)
	}

	slow := byByte{make(chan struct{})}
	defer close(slow.stop)
	host := strings.TrimPrefix(h.URL(), "http://")
	const post = " HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9000\r\n\r\n"
	var all sync.WaitGroup
	for name, start := range map[string]string{
		"headers":                   "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: ",
		"headers over HTTP/2":       "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\x00\x00\x00\x04\x00\x00\x00\x00\x00" + "\x00\x04\x00\x01\x00\x00\x00\x00\x01", // settings, and 1,024 bytes of headers to come
		"body":                      "POST /v1/login" + post,
		"body that nobody reads":    "GET /v1/stores/demo/menu" + post,
		"body of a page":            "GET /" + post,
		"unary call of the service": "POST /brigata.v1.OrderService/GetOrder" + strings.Replace(post, "\r\n", "\r\nAuthorization: Bearer "+token+"\r\n", 1),
	} {
		all.Go(func() {
			c, err := net.Dial("tcp", host)
			if err != nil {
				t.Error(err)
				return
			}
			defer c.Close()
			if _, err := io.WriteString(c, start); err != nil {
				t.Error(err)
				return
			}
			go io.Copy(c, slow) // until c is closed
			c.SetReadDeadline(time.Now().Add(10 * time.Second))
			if strings.HasPrefix(start, "PRI") {
				_, err = io.Copy(io.Discard, c)
			} else if answer, bad := http.ReadResponse(bufio.NewReader(c), nil); bad != nil {
				err = bad
			} else {
				if answer.StatusCode < 400 && name == "body" {
					t.Errorf("%s: %s", name, answer.Status)
				}
				if _, err = io.Copy(io.Discard, answer.Body); err == nil {
					_, err = c.Read(make([]byte, 1))
				}
			}
			if e, ok := err.(net.Error); ok && e.Timeout() {
				t.Errorf("%s: the connection stays", name)
			}
		})
	}
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	h2 := &http.Transport{Protocols: p}
	defer h2.CloseIdleConnections()
	for path, kind := range map[string]string{"/v1/login": "application/json", "/brigata.v1.OrderService/GetOrder": "application/proto",
		"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo": "application/grpc"} {
		all.Go(func() {
			r, err := http.NewRequestWithContext(ctx, http.MethodPost, h.URL()+path, slow)
			if err != nil {
				t.Error(err)
				return
			}
			r.Header.Set("Content-Type", kind)
			r.Header.Set("Authorization", "Bearer "+token)
			w, err := (&http.Client{Transport: h2, Timeout: 10 * time.Second}).Do(r)
			if err != nil {
				t.Errorf("%s over HTTP/2: %v", path, err)
				return
			}
			defer w.Body.Close()
			if _, err := io.Copy(io.Discard, w.Body); err != nil {
				t.Errorf("%s over HTTP/2: %v", path, err)
			}
			if kind != "application/grpc" && w.StatusCode < 400 {
				t.Errorf("%s over HTTP/2: %s", path, w.Status)
			}
		})
	}
	all.Go(func() { // asks and asks, and takes nothing
		c, err := net.Dial("tcp", host)
		if err != nil {
			t.Error(err)
			return
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(20 * time.Second))
		for err == nil {
			_, err = io.WriteString(c, "GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n")
		}
		if e, ok := err.(net.Error); ok && e.Timeout() {
			t.Error("who takes no answer keeps the connection")
		}
	})
	all.Wait()
	if took := time.Since(began); took < within {
		t.Fatalf("the slow ones were turned away after %v", took)
	}
	// What was there before all that is older than a request may be.
	h.must(socket, "order.rush", fmt.Sprintf(`{"order":%q,"on":true}`, placed.Order), nil)
	next(t, watch, func(e *service.OrderEvent) bool { return strings.Contains(string(e.Json), `"rush":true`) })
	if err := session.Send(&service.SessionRequest{Id: 7}); err != nil {
		t.Fatal(err)
	}
	if r, err := session.Receive(); err != nil || r.Id != 7 {
		t.Fatal(r, err)
	}
	if err := session.CloseRequest(); err != nil {
		t.Fatal(err)
	}
}
