package edge_test

import (
	"bytes"
	"encoding/json"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/brigata/brigata/edge/link"
	"github.com/brigata/brigata/edge/model/pass"
)

// picture is a generated one, as a camera sends it.
func picture(t *testing.T, x pass.Labelled) []byte {
	t.Helper()
	const times = 4
	p := image.NewRGBA(image.Rect(0, 0, pass.Side*times, pass.Side*times))
	for at := range pass.Side * pass.Side * times * times {
		px, py := at%(pass.Side*times), at/(pass.Side*times)
		k := py/times*pass.Side + px/times
		eight := func(c int) uint8 { return uint8(x.Image[c*pass.Side*pass.Side+k] * 255) }
		p.Set(px, py, color.RGBA{eight(0), eight(1), eight(2), 255})
	}
	var b bytes.Buffer
	if err := jpeg.Encode(&b, p, &jpeg.Options{Quality: 90}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A camera's picture and a frame of heat are what whoever is about to bump a ticket is
// warned by. Nobody else may ask, and no picture is on the box's disk.
func TestThePassIsSeen(t *testing.T) {
	r := newRig(t, "thermal-1", "temperature-1")
	o := r.options("box-1")
	b := r.box(o)
	r.ready(b)
	call := func(method, path, user string, body []byte) (status int, seen struct {
		Dishes   float64
		Cold     *float64 `json:"cold_c"`
		Warnings []string
	}) {
		t.Helper()
		req, err := http.NewRequest(method, "http://"+b.HTTP()+"/v1/pass/"+path, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.SetBasicAuth(user, "secret-of-"+user)
		w, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Body.Close()
		defer http.DefaultClient.CloseIdleConnections()
		text, err := io.ReadAll(w.Body)
		if err != nil || w.StatusCode == http.StatusOK && json.Unmarshal(text, &seen) != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return w.StatusCode, seen
	}
	if status, _ := call("GET", "thermal-1?dishes=2", "machine", nil); status != http.StatusNotFound {
		t.Errorf("before any picture: %d", status)
	}
	two := pass.Plates(0, pass.TestFrom, pass.TestFrom+200)
	two = two[slices.IndexFunc(two, func(x pass.Labelled) bool { return x.Dishes == 2 }):]
	shot := picture(t, two[0])
	status, seen := call("POST", "thermal-1", "machine", shot)
	if status != http.StatusOK || seen.Dishes < 1.5 || seen.Dishes >= 2.5 || seen.Cold != nil {
		t.Fatalf("%d, %+v", status, seen)
	}
	told := func(what string, is func(*link.Sight) bool) {
		t.Helper()
		eventually(t, "the hub is told: "+what, func() bool {
			call("POST", "thermal-1", "machine", shot)
			s := r.sight.Load()
			return s != nil && s.Sensor == "thermal-1" && s.Dishes == seen.Dishes && is(s)
		})
	}
	told("no heat", func(s *link.Sight) bool { return s.Cold == nil })
	c, err := device(t, b, "machine", "secret-of-machine")
	if err != nil {
		t.Fatal(err)
	}
	frame := strings.TrimSuffix(strings.Repeat("48,", 64), ",")
	say(t, c, "thermal-1", `{"boot":1,"seq":1,"frame":[`+frame+`]}`)
	eventually(t, "the frame is there", func() bool {
		_, seen := call("POST", "thermal-1", "machine", shot)
		return seen.Cold != nil && *seen.Cold == 48
	})
	told("heat", func(s *link.Sight) bool { return s.Cold != nil && *s.Cold == 48 })
	for query, want := range map[string][]string{"dishes=2": {}, "dishes=3": {pass.Missing}, "dishes=1": {pass.More}, "dishes=3&hot=true": {pass.Missing, pass.Cooling}} {
		if status, seen := call("GET", "thermal-1?"+query, "machine", nil); status != http.StatusOK || !slices.Equal(seen.Warnings, want) || seen.Warnings == nil {
			t.Errorf("%s: %d, %+v", query, status, seen)
		}
	}
	for _, x := range []struct {
		method, path, user string
		body               []byte
		status             int
	}{
		{"GET", "thermal-1?dishes=2", "probe", nil, http.StatusUnauthorized},
		{"POST", "thermal-1", "probe", shot, http.StatusUnauthorized},
		{"POST", "thermal-1", "machine", []byte("no picture"), http.StatusBadRequest},
		{"POST", "thermal-1", "machine", make([]byte, pass.JPEGMax+1), http.StatusRequestEntityTooLarge},
		{"GET", "thermal-1?dishes=-1", "machine", nil, http.StatusBadRequest},
		{"GET", "thermal-1", "machine", nil, http.StatusBadRequest},
	} {
		if status, _ := call(x.method, x.path, x.user, x.body); status != x.status {
			t.Errorf("%s %s by %s: %d", x.method, x.path, x.user, status)
		}
	}
	if found := holding(t, o.Data, shot[len(shot)/2:len(shot)/2+64]); found != "" {
		t.Errorf("the picture is in %s", found)
	}
}

// holding is a file under a folder that has the bytes in it; "": none has.
func holding(t *testing.T, folder string, part []byte) (found string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(name)
		if bytes.Contains(text, part) {
			found = name
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
