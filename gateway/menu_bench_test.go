package gateway

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/store"
)

// bigMenu has 150 dishes in 10 categories, each with texts in two languages and options.
func bigMenu() *store.Today {
	m := &menu.Menu{Version: 12, Currency: "CNY", Languages: []string{"zh", "en"}, Allergens: []menu.Allergen{}, Dayparts: []menu.Daypart{}}
	text := func(s string) menu.Text { return menu.Text{ZH: "菜品名称 " + s, EN: "The name of dish " + s} }
	m.Groups = []menu.Group{{ID: "spice", Name: text("spice"), Min: 1, Max: 1, Options: []menu.Option{
		{ID: "mild", Name: text("mild"), Kind: "choice", Default: true}, {ID: "hot", Name: text("hot"), Kind: "choice"}}}}
	about := text("and what is in it, at some length")
	for i := range 150 {
		id := fmt.Sprintf("dish-%d", i)
		if i%15 == 0 {
			m.Categories = append(m.Categories, menu.Category{ID: fmt.Sprintf("c%d", i/15), Name: text("c"), Categories: []menu.Category{}})
		}
		c := &m.Categories[len(m.Categories)-1]
		c.Dishes, c.Count = append(c.Dishes, id), c.Count+1
		m.Dishes = append(m.Dishes, menu.Dish{ID: id, Name: text(id), Description: &about, Price: 3800,
			TaxClass: "food", Groups: []string{"spice"}, Stations: []string{"wok"}, PrepMS: 300_000, Image: "/images/" + id + ".webp"})
	}
	c := &store.Config{ID: "s1", Currency: "CNY", Zone: "UTC", DayStarts: "05:00"}
	return store.State{Config: c}.Today(m.Index(), time.UTC, nil)
}

// menuReader reads the menu over one kept connection, with no more work than that takes:
// it shares the machine with the server.
type menuReader struct {
	conn    net.Conn
	r       *bufio.Reader
	request []byte
}

func (n *node) menuReader(etag string) *menuReader {
	conn, err := net.Dial("tcp", n.http.Listener.Addr().String())
	if err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() { conn.Close() })
	request := "GET /v1/stores/s1/menu HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + n.token("g1", "guest", nil) + "\r\n"
	if etag != "" {
		request += "If-None-Match: " + etag + "\r\n"
	}
	return &menuReader{conn, bufio.NewReaderSize(conn, 64<<10), []byte(request + "\r\n")}
}

func (m *menuReader) read(status string) error {
	if _, err := m.conn.Write(m.request); err != nil {
		return err
	}
	line, err := m.r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.Contains(line, []byte(status)) {
		return fmt.Errorf("%s", line)
	}
	length := 0
	for {
		if line, err = m.r.ReadSlice('\n'); err != nil {
			return err
		}
		if v, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(v)))
		}
		if len(line) == 2 {
			break
		}
	}
	_, err = io.CopyN(io.Discard, m.r, int64(length))
	return err
}

// BenchmarkMenu is reads of a menu of 150 dishes over real sockets, client and server on
// the same cores: not modified, and the whole menu. It reports reads/s and, at a
// steady 10,000 and 2,500 reads/s, the 99th percentile.
func BenchmarkMenu(b *testing.B) {
	for _, c := range []struct {
		name, etag, status string
		steady             float64 // reads/s
	}{{"304", `"12g"`, " 304 ", 10_000}, {"full", "", " 200 ", 2_500}} {
		b.Run(c.name, func(b *testing.B) {
			n := newNode(b, func(x *Config) { x.Limits = Limits{CallRate: 10_000_000} })
			n.engine.today["s1"] = bigMenu()
			began := time.Now()
			b.SetParallelism(8)
			b.RunParallel(func(p *testing.PB) {
				m := n.menuReader(c.etag)
				for p.Next() {
					if err := m.read(c.status); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/time.Since(began).Seconds(), "reads/s")
			b.StopTimer()
			b.ReportMetric(n.paced(b, c.etag, c.status, c.steady), "p99-ms")
		})
	}
}

// paced reads at a steady rate for a second, however late answers are, and returns the
// 99th percentile of the time since each read was due.
func (n *node) paced(b *testing.B, etag, status string, rate float64) float64 {
	const readers = 8
	count := int(rate)
	took := make([]time.Duration, count)
	var next atomic.Int64
	began := time.Now()
	done := make(chan error, readers)
	for range readers {
		m := n.menuReader(etag)
		go func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= count {
					done <- nil
					return
				}
				due := began.Add(time.Duration(float64(i) / rate * float64(time.Second)))
				time.Sleep(time.Until(due))
				if err := m.read(status); err != nil {
					done <- err
					return
				}
				took[i] = time.Since(due)
			}
		}()
	}
	for range readers {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	if count == 0 {
		return 0
	}
	slices.Sort(took)
	return float64(took[count*99/100].Microseconds()) / 1000
}
