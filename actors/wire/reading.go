package wire

import "github.com/brigata/brigata/actors/sensor"

// MarshalReading returns a reading as a box sends it.
func MarshalReading(r *sensor.Reading) []byte { return appendSensorReading(nil, r) }

// UnmarshalReading reads one.
func UnmarshalReading(b []byte) (*sensor.Reading, error) { return decoded(b, decodeSensorReading) }
