package webhooks

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"
)

// Verify says whether a body was signed with secret, at most five minutes from now.
// header is Brigata-Signature; body is the request's, byte for byte. docs/webhooks.md
// shows it to receivers.
func Verify(secret, header string, body []byte, now time.Time) bool {
	stamp, rest, _ := strings.Cut(strings.TrimPrefix(header, "t="), ",")
	t, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil || now.Sub(time.Unix(t, 0)).Abs() > 5*time.Minute {
		return false
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "."))
	mac.Write(body)
	want := mac.Sum(nil)
	for part := range strings.SplitSeq(rest, ",") {
		got, err := hex.DecodeString(strings.TrimPrefix(part, "v1="))
		if err == nil && hmac.Equal(got, want) {
			return true
		}
	}
	return false
}
