package e2e

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"time"
)

// newID mints a UUIDv7.
func newID() string {
	var id [16]byte
	_, _ = rand.Read(id[6:])
	ms := uint64(time.Now().UnixMilli())
	binary.BigEndian.PutUint32(id[:4], uint32(ms>>16))
	binary.BigEndian.PutUint16(id[4:6], uint16(ms))
	id[6], id[8] = id[6]&0x0f|0x70, id[8]&0x3f|0x80
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
