package gateway

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-json-experiment/json"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/refusal"
	"github.com/brigata/brigata/gateway/auth"
)

// accountsWithin bounds what a request waits for the accounts' database.
const accountsWithin = 5 * time.Second

var (
	errNoAccounts = refusal.New(refusal.NotFound, "", "This node keeps no accounts").With(refusal.Fields{Kind: "resource"})
	errDatabase   = &refusal.Refusal{Code: refusal.Unavailable, Message: "The database does not answer",
		Fields: refusal.Fields{What: "database"}, AfterMS: 1000}
)

type userList struct {
	Role   string `query:"role" maxLength:"64"`
	Store  string `query:"store" maxLength:"64"`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string `query:"cursor" maxLength:"256"`
}

type auditList struct {
	Who    string    `query:"who" maxLength:"200" doc:"user:<id>, guest:<id> or channel:<id>"`
	Action string    `query:"action" maxLength:"64"`
	Store  string    `query:"store" maxLength:"64"`
	From   time.Time `query:"from"`
	To     time.Time `query:"to"`
	Limit  int       `query:"limit" minimum:"1" maximum:"200" default:"50"`
	Cursor string    `query:"cursor" maxLength:"64"`
}

type nameParams struct {
	ID string `path:"id" maxLength:"64"`
}

type refreshBody struct {
	Refresh string `json:"refresh"`
}

// created is a new account; a device's or partner's token is shown this once.
type created struct {
	auth.User
	DeviceToken string `json:"device_token,omitempty"`
}

type deviceToken struct {
	DeviceToken string `json:"device_token"`
}

func (s *Server) accountRoutes(api huma.API) {
	const people, roles, login = "users", "roles", "login"
	route(s, api, endpoint{method: "POST", path: "/v1/login", tag: login, public: true,
		summary: "Log in with user and password, or as a device", body: auth.Credentials{}, reply: auth.Grant{}}, s.postLogin)
	route(s, api, endpoint{method: "POST", path: "/v1/token/refresh", tag: login, public: true,
		summary: "Renew a token; each refresh token is good once", body: refreshBody{}, reply: auth.Grant{}}, s.postRefresh)
	route(s, api, endpoint{method: "POST", path: "/v1/logout", tag: login, status: http.StatusNoContent,
		summary: "End the login that the token came from"}, accounts(s, s.postLogout))
	route(s, api, endpoint{method: "GET", path: "/v1/keys", tag: login, public: true,
		summary: "The public keys that tokens are signed with (JWKS)", reply: auth.JWKS{}}, s.getKeys)

	route(s, api, endpoint{method: "GET", path: "/v1/users", tag: people, permission: "rest:users:read",
		summary: "Accounts", reply: page[auth.User]{}}, accounts(s, s.listUsers))
	route(s, api, endpoint{method: "POST", path: "/v1/users", tag: people, permission: "rest:users:write", status: http.StatusCreated,
		summary: "Make an account", body: auth.UserInput{}, reply: created{}}, accounts(s, s.postUser))
	route(s, api, endpoint{method: "GET", path: "/v1/users/{id}", tag: people, permission: "rest:users:read",
		summary: "An account", reply: auth.User{}}, accounts(s, s.getUser))
	route(s, api, endpoint{method: "PUT", path: "/v1/users/{id}", tag: people, permission: "rest:users:write",
		summary: "Change an account; what is absent stays", body: auth.UserInput{}, reply: auth.User{}}, accounts(s, s.putUser))
	route(s, api, endpoint{method: "DELETE", path: "/v1/users/{id}", tag: people, permission: "rest:users:write", status: http.StatusNoContent,
		summary: "End an account"}, accounts(s, s.deleteUser))
	route(s, api, endpoint{method: "POST", path: "/v1/users/{id}/device-token", tag: people, permission: "rest:users:write",
		summary: "Another token for a device or partner; the old one is void", reply: deviceToken{}}, accounts(s, s.postDeviceToken))

	route(s, api, endpoint{method: "GET", path: "/v1/roles", tag: roles, permission: "rest:roles:read",
		summary: "Roles and what they may do", reply: page[auth.Role]{}}, accounts(s, s.listRoles))
	route(s, api, endpoint{method: "POST", path: "/v1/roles", tag: roles, permission: "rest:roles:write", status: http.StatusCreated,
		summary: "Make a role", body: auth.Role{}, reply: auth.Role{}}, accounts(s, s.postRole))
	route(s, api, endpoint{method: "PUT", path: "/v1/roles/{id}", tag: roles, permission: "rest:roles:write",
		summary: "Change what a role may do", body: auth.Role{}, reply: auth.Role{}}, accounts(s, s.putRole))
	route(s, api, endpoint{method: "DELETE", path: "/v1/roles/{id}", tag: roles, permission: "rest:roles:write", status: http.StatusNoContent,
		summary: "Forget a role that nobody has; a built-in one is as it was"}, accounts(s, s.deleteRole))
	route(s, api, endpoint{method: "GET", path: "/v1/audit", tag: "audit", permission: "rest:audit:read",
		summary: "What was denied, or done by right of a privilege; the newest first", reply: page[auth.Entry]{}}, accounts(s, s.listAudit))
}

// accounts gives a handler a bounded time, and answers what goes wrong in it.
func accounts[I any](s *Server, h func(ctx context.Context, c *call, in *I) error) func(*call, *I) *refusal.Refusal {
	return func(c *call, in *I) *refusal.Refusal {
		if s.config.Accounts == nil {
			return errNoAccounts
		}
		ctx, cancel := context.WithTimeout(c.Context(), accountsWithin)
		defer cancel()
		if err := s.accounts.do(ctx, func(ctx context.Context) error { return h(ctx, c, in) }); err != nil {
			return s.accountsFault(c.Request.Method+" "+c.URL.Path, err)
		}
		return nil
	}
}

// accountsFault turns an error of the accounts into an answer; one that nobody foresaw
// is logged.
func (s *Server) accountsFault(what string, err error) *refusal.Refusal {
	if r := refusal.Of(err); r != nil {
		return r
	}
	if !errors.Is(err, context.Canceled) {
		s.log.Error("accounts failed", "do", what, "error", err)
	}
	return errDatabase
}

// decode reads a JSON body: strictly, but for fields that it does not know.
func (s *Server) decode(c *call, into any) *refusal.Refusal {
	b, bad := readBody(c, int64(s.limits.Message))
	if bad != nil {
		return bad
	}
	if err := json.Unmarshal(b, into); err != nil {
		return malformedBody(err)
	}
	return nil
}

// value answers with v as JSON.
func (c *call) value(status int, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // our own types
	}
	c.json(status, b)
}

func (s *Server) postLogin(c *call, in *noParams) *refusal.Refusal {
	return accounts(s, func(ctx context.Context, c *call, _ *noParams) error {
		var who auth.Credentials
		if bad := s.decode(c, &who); bad != nil {
			return bad
		}
		who.Address = address(c.Request)
		g, err := s.config.Accounts.Login(ctx, who)
		if err != nil {
			return err
		}
		c.value(http.StatusOK, g)
		return nil
	})(c, in)
}

func (s *Server) postRefresh(c *call, in *noParams) *refusal.Refusal {
	return accounts(s, func(ctx context.Context, c *call, _ *noParams) error {
		var body refreshBody
		if bad := s.decode(c, &body); bad != nil {
			return bad
		}
		g, err := s.config.Accounts.Refresh(ctx, body.Refresh, address(c.Request), func(store, table, session string) (bool, error) {
			ok, bad := s.seated(ctx, store, table, session)
			if bad != nil {
				return false, bad
			}
			return ok, nil
		})
		if err != nil {
			return err
		}
		c.value(http.StatusOK, g)
		return nil
	})(c, in)
}

func (s *Server) postLogout(ctx context.Context, c *call, _ *noParams) error {
	if err := s.config.Accounts.Logout(ctx, c.who); err != nil {
		return err
	}
	c.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) getKeys(c *call, _ *noParams) *refusal.Refusal {
	c.ResponseWriter.Header().Set("Cache-Control", "public, max-age=60")
	keys := s.config.Keys.Published()
	c.value(http.StatusOK, &keys)
	return nil
}

func (s *Server) listUsers(ctx context.Context, c *call, in *userList) error {
	users, next, err := s.config.Accounts.Users(ctx, c.who, auth.UserQuery{Role: command.Role(in.Role), Store: in.Store, Limit: in.Limit, Cursor: in.Cursor})
	if err != nil {
		return err
	}
	c.value(http.StatusOK, &page[auth.User]{users, next})
	return nil
}

func (s *Server) postUser(ctx context.Context, c *call, _ *noParams) error {
	var in auth.UserInput
	if bad := s.decode(c, &in); bad != nil {
		return bad
	}
	u, token, err := s.config.Accounts.CreateUser(ctx, c.who, in)
	if err != nil {
		return err
	}
	c.value(http.StatusCreated, &created{u, token})
	return nil
}

func (s *Server) getUser(ctx context.Context, c *call, in *nameParams) error {
	u, err := s.config.Accounts.User(ctx, c.who, in.ID)
	if err != nil {
		return err
	}
	c.value(http.StatusOK, &u)
	return nil
}

func (s *Server) putUser(ctx context.Context, c *call, in *nameParams) error {
	var change auth.UserInput
	if bad := s.decode(c, &change); bad != nil {
		return bad
	}
	u, err := s.config.Accounts.ChangeUser(ctx, c.who, in.ID, change)
	if err != nil {
		return err
	}
	c.value(http.StatusOK, &u)
	return nil
}

func (s *Server) deleteUser(ctx context.Context, c *call, in *nameParams) error {
	if err := s.config.Accounts.DeleteUser(ctx, c.who, in.ID); err != nil {
		return err
	}
	c.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) postDeviceToken(ctx context.Context, c *call, in *nameParams) error {
	token, err := s.config.Accounts.NewSecret(ctx, c.who, in.ID)
	if err != nil {
		return err
	}
	c.value(http.StatusOK, &deviceToken{token})
	return nil
}

func (s *Server) listRoles(_ context.Context, c *call, _ *noParams) error {
	c.value(http.StatusOK, &page[auth.Role]{s.config.Accounts.Roles(), ""})
	return nil
}

func (s *Server) postRole(ctx context.Context, c *call, _ *noParams) error {
	return s.setRole(ctx, c, "", http.StatusCreated)
}

func (s *Server) putRole(ctx context.Context, c *call, in *nameParams) error {
	return s.setRole(ctx, c, in.ID, http.StatusOK)
}

func (s *Server) setRole(ctx context.Context, c *call, id string, status int) error {
	var role auth.Role
	if bad := s.decode(c, &role); bad != nil {
		return bad
	}
	if id != "" {
		role.ID = command.Role(id)
	}
	role, err := s.config.Accounts.PutRole(ctx, role)
	if err != nil {
		return err
	}
	c.value(status, &role)
	return nil
}

func (s *Server) deleteRole(ctx context.Context, c *call, in *nameParams) error {
	if err := s.config.Accounts.DeleteRole(ctx, command.Role(in.ID)); err != nil {
		return err
	}
	c.WriteHeader(http.StatusNoContent)
	return nil
}

func (s *Server) listAudit(ctx context.Context, c *call, in *auditList) error {
	q := auth.AuditQuery{Who: in.Who, Action: in.Action, Store: in.Store, From: in.From, To: in.To, Limit: in.Limit, Cursor: in.Cursor}
	if !c.who.IsAdmin() && (q.Store == "" || !c.who.In(q.Store)) {
		return forbidden("store:" + q.Store)
	}
	entries, next, err := s.config.Accounts.Audited(ctx, q)
	if err != nil {
		return err
	}
	c.value(http.StatusOK, &page[auth.Entry]{entries, next})
	return nil
}
