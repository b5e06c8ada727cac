package auth

import (
	"context"
	"crypto/ed25519"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"time"
)

const (
	keyRotates  = 30 * 24 * time.Hour
	keyHonoured = 24 * time.Hour      // after it was replaced: longer than any token of a login
	keyLives    = 60 * 24 * time.Hour // after its node was last seen
)

// JWK is a public key as RFC 8037 writes it.
type JWK struct {
	KeyType   string `json:"kty"`
	Curve     string `json:"crv"`
	Use       string `json:"use"`
	Algorithm string `json:"alg"`
	ID        string `json:"kid"`
	X         string `json:"x"`
}

// JWKS is the public keys of all nodes.
type JWKS struct {
	Keys []JWK `json:"keys"`
}

// Published returns the public keys that tokens are verified with.
func (k *Keys) Published() JWKS {
	k.mu.RLock()
	defer k.mu.RUnlock()
	all := JWKS{[]JWK{}}
	for id, public := range k.public {
		all.Keys = append(all.Keys, JWK{"OKP", "Ed25519", "sig", "EdDSA", id, base64.RawURLEncoding.EncodeToString(public)})
	}
	return all
}

// publish writes our public key for the other nodes.
func (a *Accounts) publish(ctx context.Context) error {
	id, public := a.keys.own()
	now := a.now()
	return a.within(ctx, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO auth_keys (kid, node, public, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)
			ON CONFLICT (kid) DO UPDATE SET expires_at = excluded.expires_at, node = excluded.node`,
			id, a.config.Node, base64.RawURLEncoding.EncodeToString(public), now.UnixMilli(), now.Add(keyLives).UnixMilli())
		if err != nil {
			return err
		}
		return changed(ctx, tx)
	})
}

func (a *Accounts) readKeys(ctx context.Context) error {
	rows, err := a.db.QueryContext(ctx, `SELECT kid, public FROM auth_keys WHERE expires_at > $1`, a.now().UnixMilli())
	if err != nil {
		return err
	}
	defer rows.Close()
	var all []ed25519.PublicKey
	for rows.Next() {
		var kid, text string
		if err := rows.Scan(&kid, &text); err != nil {
			return err
		}
		public, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil || len(public) != ed25519.PublicKeySize || keyID(public) != kid {
			return fmt.Errorf("the key %s in the database is not one", kid)
		}
		all = append(all, public)
	}
	a.keys.TrustOnly(all)
	return rows.Err()
}

// lookForKey is for a token that another node signed just now. Unknown keys cost the
// database one look each second.
func (a *Accounts) lookForKey() {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if err := a.readKeys(ctx); err != nil {
		a.log.Warn("keys not read", "error", err)
	}
}

// Rotate signs with a fresh key from now on. The old one is honoured for a day.
func (a *Accounts) Rotate(ctx context.Context) error {
	old, _ := a.keys.own()
	if err := a.keys.replace(); err != nil {
		return err
	}
	if err := a.publish(ctx); err != nil {
		return err
	}
	_, err := a.db.ExecContext(ctx, `UPDATE auth_keys SET expires_at = $2 WHERE kid = $1`, old, a.now().Add(keyHonoured).UnixMilli())
	if err == nil && a.config.Rotated != nil {
		a.config.Rotated()
	}
	return errors.Join(err, a.refreshAll(ctx))
}

func (a *Accounts) rotateWhenOld(ctx context.Context) error {
	id, _ := a.keys.own()
	var since int64
	if err := a.db.QueryRowContext(ctx, `SELECT created_at FROM auth_keys WHERE kid = $1`, id).Scan(&since); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if since != 0 && a.now().UnixMilli()-since > keyRotates.Milliseconds() {
		return a.Rotate(ctx)
	}
	return a.publish(ctx)
}
