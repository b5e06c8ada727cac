package server

import (
	"encoding/json"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/gateway/auth"
)

const (
	demoStore = "demo"
	// demoTTL is how long a demo log-in holds; the apps ask for the next one themselves.
	demoTTL = 15 * time.Minute
)

// demoRoles are the log-ins of the start page, with the names that they show.
var demoRoles = map[command.Role]string{
	command.Waiter: "Lin", command.Kitchen: "Chen", command.Expo: "Mei", command.Manager: "Wang", command.Admin: "Ada",
}

// demoLogins serves the start page's one-click log-ins: only while this node serves the
// demo store that it made itself, and only where peer and Host are this machine, so that
// neither a neighbour nor a page that rebinds its name gets one.
func (n *Node) demoLogins(next http.Handler) http.Handler {
	m := http.NewServeMux()
	m.HandleFunc("GET /v1/demo", n.listDemo)
	m.HandleFunc("POST /v1/demo/login", n.demoLogin)
	m.Handle("/", next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if n.options.Demo && slices.Contains(n.Stores(), demoStore) && fromHere(r) {
			m.ServeHTTP(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// fromHere says that the peer is this machine, that it asked for this machine by a name
// that cannot be rebound, and that no page of another site asked.
func fromHere(r *http.Request) bool {
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil || !isLoopback(peer) || r.Header.Get("X-Forwarded-For") != "" || r.Header.Get("Forwarded") != "" {
		return false
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	site := r.Header.Get("Sec-Fetch-Site")
	return (host == "localhost" || isLoopback(host)) && site != "cross-site" && site != "same-site"
}

func isLoopback(address string) bool {
	ip := net.ParseIP(address)
	return ip != nil && ip.IsLoopback()
}

func (n *Node) listDemo(w http.ResponseWriter, r *http.Request) {
	roles := []command.Role{command.Waiter, command.Kitchen, command.Expo, command.Manager, command.Admin}
	writeJSON(w, map[string]any{"store": demoStore, "roles": roles})
}

func (n *Node) demoLogin(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Role command.Role `json:"role"`
	}
	if r.Header.Get("Content-Type") != "application/json" || json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<10)).Decode(&in) != nil {
		http.Error(w, "a JSON object with a role is needed", http.StatusBadRequest)
		return
	}
	name, ok := demoRoles[in.Role]
	if !ok {
		http.Error(w, "there is no such demo log-in", http.StatusBadRequest)
		return
	}
	c := auth.Subject("demo-"+string(in.Role), name, []string{demoStore}, in.Role)
	token, err := n.keys.Issue(c, time.Now(), demoTTL)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	writeJSON(w, map[string]any{"token": token, "ttl": int(demoTTL / time.Second),
		"user": map[string]any{"id": c.Subject, "name": name, "roles": c.Roles}})
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	json.NewEncoder(w).Encode(v)
}
