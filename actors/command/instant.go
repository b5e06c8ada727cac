package command

import "time"

// Instant is a time in ms since 1970; zero is none. It takes a third of a time.Time, where
// there are many and all are kept.
type Instant int64

// At is when t is.
func At(t time.Time) Instant {
	if t.IsZero() {
		return 0
	}
	return Instant(t.UnixMilli())
}

// Time is the same as a time in UTC.
func (i Instant) Time() time.Time {
	if i == 0 {
		return time.Time{}
	}
	return time.UnixMilli(int64(i)).UTC()
}

// IsZero says that it is none.
func (i Instant) IsZero() bool { return i == 0 }

// MarshalText is a time's.
func (i Instant) MarshalText() ([]byte, error) { return i.Time().MarshalText() }

// UnmarshalText takes what MarshalText gives.
func (i *Instant) UnmarshalText(b []byte) error {
	var t time.Time
	if err := t.UnmarshalText(b); err != nil {
		return err
	}
	*i = At(t)
	return nil
}
