package doctor

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/brigata/brigata/actors/wire"
)

const (
	versionMin = 150000
	// skewMax is how far the database's clock may be from ours: leases do not compare
	// them, but people do.
	skewMax = time.Second
	// connectionsPerNode is what a node holds at most.
	connectionsPerNode = 16
)

// postgres checks the server and its settings.
func postgres(ctx context.Context, url string, tell func(Finding)) {
	ctx, cancel := context.WithTimeout(ctx, 15*time.Second)
	defer cancel()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		// The error names the host and never the password.
		tell(Finding{"database", Bad, err.Error(), "check the URL, the network, pg_hba.conf and that the server runs"})
		return
	}
	defer conn.Close(ctx)
	p := patient{ctx, conn, tell}
	p.version()
	p.setting("fsync", "on", Bad, "an order that was acknowledged is lost with the power: set fsync = on")
	p.setting("full_page_writes", "on", Bad, "a torn page cannot be repaired: set full_page_writes = on")
	p.setting("synchronous_commit", "on", Warn, "nodes set it for their own sessions; set synchronous_commit = on for the others")
	p.connections()
	p.rights()
	p.builds()
	p.skew()
	p.commits()
}

type patient struct {
	ctx  context.Context
	conn *pgx.Conn
	tell func(Finding)
}

// ask reads one row; what fails is a finding.
func (p *patient) ask(check, query string, to ...any) bool {
	err := p.conn.QueryRow(p.ctx, query).Scan(to...)
	if err != nil {
		p.tell(Finding{check, Bad, err.Error(), "let the node's user ask this"})
	}
	return err == nil
}

func (p *patient) version() {
	var n int
	var text string
	if !p.ask("database", "SELECT current_setting('server_version_num')::int, current_setting('server_version')", &n, &text) {
		return
	}
	p.tell(server(n, text))
}

func server(n int, text string) Finding {
	f := Finding{"database", OK, "PostgreSQL " + text, ""}
	if n < versionMin {
		f.State, f.Mend = Bad, "use PostgreSQL 15 or newer"
	}
	return f
}

func (p *patient) setting(name, want string, otherwise State, mend string) {
	var is string
	if !p.ask(name, "SELECT current_setting('"+name+"')", &is) {
		return
	}
	if is == want {
		p.tell(Finding{name, OK, is, ""})
	} else {
		p.tell(Finding{name, otherwise, is, mend})
	}
}

func (p *patient) connections() {
	var most, used int
	if !p.ask("connections", "SELECT current_setting('max_connections')::int, (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int", &most, &used) {
		return
	}
	f := Finding{"connections", OK, fmt.Sprintf("%d of %d in use", used, most), ""}
	if most-used < connectionsPerNode {
		f.State, f.Mend = Bad, fmt.Sprintf("a node takes up to %d: raise max_connections", connectionsPerNode)
	}
	p.tell(f)
}

func (p *patient) rights() {
	var create, own bool
	if !p.ask("rights", "SELECT has_schema_privilege(current_schema(), 'CREATE'), coalesce(bool_and(pg_has_role(c.relowner, 'USAGE')), true) FROM pg_class c WHERE c.oid = to_regclass('journal')", &create, &own) {
		return
	}
	switch {
	case !create:
		p.tell(Finding{"rights", Bad, "the user may not make tables", "GRANT CREATE ON SCHEMA … TO the node's user"})
	case !own:
		p.tell(Finding{"rights", Bad, "the journal belongs to another user", "use the user that made it: migrations change it"})
	default:
		p.tell(Finding{"rights", OK, "the user may make and change the schema", ""})
	}
}

// builds looks for what this build cannot read: cells that a newer one has written.
func (p *patient) builds() {
	var there bool
	if !p.ask("versions", "SELECT to_regclass('nodes') IS NOT NULL", &there) || !there {
		return
	}
	var newest int
	if p.ask("versions", "SELECT coalesce(max(format), 0) FROM nodes", &newest) {
		p.tell(reads(newest))
	}
}

func reads(newest int) Finding {
	if newest > wire.Format {
		return Finding{"versions", Warn, fmt.Sprintf("a newer build has written here: format %d, this one reads %d", newest, wire.Format),
			"cells that it wrote are left to newer nodes: install their build"}
	}
	return Finding{"versions", OK, fmt.Sprintf("formats up to %d, this build reads %d", newest, wire.Format), ""}
}

func (p *patient) skew() {
	before := time.Now()
	var theirs time.Time
	if !p.ask("database's clock", "SELECT clock_timestamp()", &theirs) {
		return
	}
	p.tell(apart(theirs.Sub(before.Add(time.Since(before) / 2)).Abs()))
}

func apart(skew time.Duration) Finding {
	f := Finding{"database's clock", OK, fmt.Sprintf("%d ms from ours", skew.Milliseconds()), ""}
	if skew > skewMax {
		f.State, f.Mend = Warn, "keep both machines' clocks in step"
	}
	return f
}

// commits measures a commit that is flushed: an empty message in the log, no table.
func (p *patient) commits() {
	times := make([]time.Duration, 0, syncs)
	for range syncs {
		began := time.Now()
		if _, err := p.conn.Exec(p.ctx, "SELECT pg_logical_emit_message(true, 'brigata', 'doctor')"); err != nil {
			p.tell(Finding{"commit", Warn, err.Error(), ""})
			return
		}
		times = append(times, time.Since(began))
	}
	slices.Sort(times)
	p.tell(flushed("commit", times[len(times)/2], "put the database's WAL on a disk with a faster flush, or the database nearer"))
}
