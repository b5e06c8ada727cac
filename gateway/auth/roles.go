package auth

import (
	"context"
	"database/sql"
	"slices"

	"github.com/brigata/brigata/actors/command"
	"github.com/brigata/brigata/actors/menu"
	"github.com/brigata/brigata/actors/refusal"
)

// Role is a name for permissions.
type Role struct {
	ID          command.Role `json:"id" pattern:"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$" maxLength:"64" doc:"A name"`
	Permissions []string     `json:"permissions" doc:"Command names, topic:<name>, rest:<noun>:read or rest:<noun>:write"`
}

// roleTable is who may do what at one moment: role → permissions. It does not change.
type roleTable map[command.Role]map[string]bool

// builtIn are the roles as the table of permissions has them.
var builtIn = func() roleTable {
	t := roleTable{}
	for r, bits := range roleBits {
		t[r] = map[string]bool{}
		for p, who := range permissions {
			switch {
			case r == command.Admin, r == command.Manager && !adminOnly[p], bits&who != 0:
				t[r][p] = true
			}
		}
	}
	return t
}()

func (t roleTable) list(r command.Role) Role {
	role := Role{r, []string{}}
	for p := range t[r] {
		role.Permissions = append(role.Permissions, p)
	}
	slices.Sort(role.Permissions)
	return role
}

var (
	errNoRole    = refusal.New(refusal.NotFound, "", "There is no such role")
	errRoleInUse = refusal.New(refusal.Conflict, "state", "Somebody has this role")
	errBuiltIn   = refusal.New(refusal.Conflict, "state", "This role cannot be changed")
)

func (a *Accounts) readRoles(ctx context.Context) (roleTable, error) {
	rows, err := a.db.QueryContext(ctx, `SELECT id, permissions FROM auth_roles`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	t := roleTable{}
	for r, p := range builtIn {
		t[r] = p
	}
	for rows.Next() {
		var id command.Role
		var text string
		var list []string
		if err := rows.Scan(&id, &text); err != nil {
			return nil, err
		}
		if err := fromJSON(text, &list); err != nil {
			return nil, err
		}
		t[id] = map[string]bool{}
		for _, p := range list {
			t[id][p] = true
		}
	}
	return t, rows.Err()
}

// Roles lists all roles, by name.
func (a *Accounts) Roles() []Role {
	t := a.keys.roles.Load()
	all := []Role{}
	for r := range *t {
		all = append(all, t.list(r))
	}
	slices.SortFunc(all, func(x, y Role) int {
		if x.ID < y.ID {
			return -1
		}
		return 1
	})
	return all
}

// Role returns one.
func (a *Accounts) Role(id command.Role) (Role, error) {
	t := *a.keys.roles.Load()
	if t[id] == nil {
		return Role{}, errNoRole.With(refusal.Fields{Kind: "role", ID: string(id)})
	}
	return t.list(id), nil
}

// PutRole sets what a role may do. The admin's role stands; guests and partners, who see
// only their own, may be given less than the built-in table but not more; what is the
// admin's alone nobody else is given.
func (a *Accounts) PutRole(ctx context.Context, r Role) (Role, error) {
	if r.ID == command.Admin {
		return r, errBuiltIn.With(refusal.Fields{Kind: "role", ID: string(r.ID)})
	}
	if !menu.IsName(string(r.ID)) {
		return r, refusal.Faults(refusal.Fault{At: "/id", Reason: "id"})
	}
	slices.Sort(r.Permissions)
	r.Permissions = slices.Compact(r.Permissions)
	outside := r.ID == command.Guest || r.ID == command.Channel
	for _, p := range r.Permissions {
		if !Known(p) || adminOnly[p] || outside && !builtIn[r.ID][p] {
			return r, refusal.New(refusal.Invalid, "range", "This role cannot have the permission "+p).With(refusal.Fields{At: "/permissions"})
		}
	}
	if r.Permissions == nil {
		r.Permissions = []string{}
	}
	return r, a.changeRoles(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO auth_roles (id, permissions) VALUES ($1, $2)
			ON CONFLICT (id) DO UPDATE SET permissions = excluded.permissions`, string(r.ID), toJSON(r.Permissions))
		return err
	})
}

// DeleteRole forgets a role that nobody has; a built-in one is as it was.
func (a *Accounts) DeleteRole(ctx context.Context, id command.Role) error {
	if _, err := a.Role(id); err != nil {
		return err
	}
	if roleBits[id] == 0 {
		users, err := a.users(ctx)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(users, func(u row) bool { return slices.Contains(u.Roles, id) }) {
			return errRoleInUse.With(refusal.Fields{Kind: "role", ID: string(id)})
		}
	}
	return a.changeRoles(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM auth_roles WHERE id = $1`, string(id))
		return err
	})
}

func (a *Accounts) changeRoles(ctx context.Context, f func(tx *sql.Tx) error) error {
	err := a.within(ctx, func(tx *sql.Tx) error {
		if err := f(tx); err != nil {
			return err
		}
		return changed(ctx, tx)
	})
	if err != nil {
		return err
	}
	return a.refreshAll(ctx)
}
