package actors

import "testing"

// Proto.Actor measures itself only where it is given a provider, and a send then costs ten
// times as much.
func TestNoMetricsOfProtoActor(t *testing.T) {
	p := newProtoActor()
	defer p.Stop()
	if m := p.system.Config.MetricsProvider; m != nil {
		t.Errorf("it measures itself with a %T", m)
	}
}
