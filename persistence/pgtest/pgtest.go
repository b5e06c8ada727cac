// Package pgtest starts a PostgreSQL server of a test's own from the installed
// binaries, and can kill and restart it. It promises real durability settings, so that
// what tests see is what production does. Only tests import it.
package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/brigata/brigata/persistence/ports"
)

// ErrNotInstalled says that there are no PostgreSQL server binaries. Tests may skip.
var ErrNotInstalled = errors.New("pgtest: no PostgreSQL server: install the package postgresql, or put initdb and postgres on the PATH")

// Options of a server.
type Options struct {
	Settings map[string]string // of postgresql.conf, over the defaults
}

// Server is a running PostgreSQL server. It is not for concurrent use, save URL.
type Server struct {
	bin, dir string
	port     int
	creds    *syscall.Credential // nil: we are not root
	log      *os.File
	cmd      *exec.Cmd
	exited   chan struct{}
}

// Start makes a database cluster in a temporary directory and starts a server on a free
// port of the loopback. Stop ends it and removes the directory.
func Start(o Options) (*Server, error) {
	bin, err := find()
	if err != nil {
		return nil, err
	}
	s := &Server{bin: bin}
	if s.creds, err = credential(); err != nil {
		return nil, err
	}
	if s.dir, err = os.MkdirTemp("", "pgtest"); err != nil {
		return nil, err
	}
	err = s.create(o)
	if err == nil {
		err = s.run()
	}
	if err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

// find returns the directory of the newest server binaries.
func find() (string, error) {
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			return filepath.Dir(p), nil
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	version := func(p string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(p))))
		return n
	}
	if len(found) == 0 {
		return "", ErrNotInstalled
	}
	return filepath.Dir(slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })), nil
}

// credential is the user that a server started by root runs as: it refuses root.
func credential() (*syscall.Credential, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("pgtest: a server does not run as root: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

func (s *Server) command(name string, args ...string) *exec.Cmd {
	c := exec.Command(filepath.Join(s.bin, name), args...)
	c.Dir = s.dir
	c.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	// In a group of its own, an interrupt of the tests does not reach it before Stop.
	c.SysProcAttr = &syscall.SysProcAttr{Credential: s.creds, Setpgid: true}
	return c
}

func (s *Server) create(o Options) error {
	if s.creds != nil {
		if err := os.Chown(s.dir, int(s.creds.Uid), int(s.creds.Gid)); err != nil {
			return err
		}
	}
	out, err := s.command("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "-N").CombinedOutput()
	if err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	if s.port, err = ports.Reserve(1); err != nil { // it may be restarted there
		return err
	}
	settings := map[string]string{
		"listen_addresses": "127.0.0.1", "port": strconv.Itoa(s.port), "unix_socket_directories": s.dir,
		"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "max_connections": "300",
		"shared_buffers": "128MB", "max_wal_size": "1GB", "logging_collector": "off",
	}
	for k, v := range o.Settings {
		settings[k] = v
	}
	var conf bytes.Buffer
	for k, v := range settings {
		fmt.Fprintf(&conf, "%s = '%s'\n", k, strings.ReplaceAll(v, "'", "''"))
	}
	f, err := os.OpenFile(filepath.Join(s.dir, "data", "postgresql.conf"), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err = f.Write(conf.Bytes()); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// run starts the server and waits until it answers.
func (s *Server) run() error {
	if s.log == nil {
		f, err := os.Create(filepath.Join(s.dir, "log"))
		if err != nil {
			return err
		}
		s.log = f
	}
	s.cmd = s.command("postgres", "-D", "data")
	s.cmd.Stdout, s.cmd.Stderr = s.log, s.log
	if err := s.cmd.Start(); err != nil {
		return err
	}
	s.exited = make(chan struct{})
	go func(c *exec.Cmd, exited chan struct{}) { c.Wait(); close(exited) }(s.cmd, s.exited)
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	poll := time.NewTicker(20 * time.Millisecond)
	defer poll.Stop()
	for {
		conn, err := pgx.Connect(ctx, s.URL())
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-poll.C:
		case <-s.exited:
			return fmt.Errorf("pgtest: the server ended: %s", s.tail())
		case <-ctx.Done():
			return fmt.Errorf("pgtest: the server does not answer: %w: %s", err, s.tail())
		}
	}
}

func (s *Server) tail() []byte {
	b, _ := os.ReadFile(filepath.Join(s.dir, "log"))
	return b[max(0, len(b)-2000):]
}

// URL is where the server's first database is.
func (s *Server) URL() string { return s.url("postgres") }

func (s *Server) url(name string) string {
	return fmt.Sprintf("postgres://postgres@127.0.0.1:%d/%s?sslmode=disable", s.port, name)
}

// Addr is the server's TCP address.
func (s *Server) Addr() string { return fmt.Sprintf("127.0.0.1:%d", s.port) }

// PID is the process id of the server's first process.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// NewDatabase makes an empty database and returns its URL.
func (s *Server) NewDatabase(name string) (string, error) {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.URL())
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()); err != nil {
		return "", err
	}
	return s.url(name), nil
}

// Kill ends the server at once, as a crash would: its log is replayed at the next start.
func (s *Server) Kill() error { return s.signal(syscall.SIGQUIT) }

func (s *Server) signal(sig syscall.Signal) error {
	if s.cmd == nil || s.cmd.Process == nil {
		return nil
	}
	select {
	case <-s.exited:
		return nil
	default:
	}
	if err := s.cmd.Process.Signal(sig); err != nil {
		return err
	}
	select {
	case <-s.exited:
		return nil
	case <-time.After(20 * time.Second):
		return fmt.Errorf("pgtest: the server does not end after %v", sig)
	}
}

// Pause stops every process of the server where it stands, as a machine that hangs does:
// connections stay, and nobody answers. Resume has them go on. Both need /proc.
func (s *Server) Pause() error {
	if err := syscall.Kill(s.PID(), syscall.SIGSTOP); err != nil { // first: it starts no other
		return err
	}
	return s.signalChildren(syscall.SIGSTOP)
}

// Resume is the end of Pause.
func (s *Server) Resume() error {
	return errors.Join(s.signalChildren(syscall.SIGCONT), syscall.Kill(s.PID(), syscall.SIGCONT))
}

func (s *Server) signalChildren(sig syscall.Signal) error {
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		return errors.Join(errors.New("pgtest: there is no /proc"), err)
	}
	for _, path := range stats {
		b, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		_, rest, _ := strings.Cut(string(b), ") ") // of the name, which is Postgres's own
		if f := strings.Fields(rest); len(f) < 2 || f[1] != strconv.Itoa(s.PID()) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		if err := syscall.Kill(pid, sig); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}

// Restart kills the server and starts it again on the same port.
func (s *Server) Restart() error {
	if err := s.Kill(); err != nil {
		return err
	}
	return s.run()
}

// Stop ends the server and removes its data.
func (s *Server) Stop() error {
	err := s.signal(syscall.SIGINT)
	if s.log != nil {
		s.log.Close()
	}
	return errors.Join(err, os.RemoveAll(s.dir))
}
