package sim

import (
	"time"

	"github.com/brigata/brigata/actors/mutant"
)

// Mutant is a known-wrong part, which the checks must notice.
type Mutant struct {
	Name   string
	Breaks string
	Kills  string  // the invariants that are expected to notice
	Focus  Options // what the wide swarm meets seldom is hunted with this, too

	is mutant.Mutant
}

// Mutants lists all of them.
var Mutants = []Mutant{
	{"reply-early", "a reply leaves before its commit", "I2", Options{}, mutant.ReplyEarly},
	{"gate-at-cut", "the gate opens when the batch is cut", "I2", Options{}, mutant.GateAtCut},
	{"gate-before", "a reply waits for the commit before its own", "I2", Options{}, mutant.GateBefore},
	{"read-ungated", "a read does not wait for what it saw", "I2", Options{}, mutant.ReadUngated},
	{"push-ungated", "a view is shown before its commit", "I2", Options{}, mutant.PushUngated},
	{"foreign-entity-only", "a conflict costs the entity, not its cell", "I2, I5", Options{Faults: []string{"intruder"}}, mutant.ForeignEntityOnly},
	{"lost-is-failure", "a commit without an answer counts as not done", "I4, L1", Options{Faults: []string{"dbmute"}}, mutant.LostIsFailure},
	{"blind-retry", "a conflict is tried again at the next slot", "I0, I1, I2", Options{Faults: []string{"intruder"}}, mutant.BlindRetry},
	{"resend-merged", "a batch is sent again with newer events in it, and probed without their count", "I2", Options{Faults: []string{"dbmute"}, Slow: 0.3}, mutant.ResendMerged},
	{"split-batch", "a batch is two transactions", "I0, I5, I11", Options{}, mutant.SplitBatch},
	{"two-writers", "one cell's rows go through two connections", "I0, I5, I8", Options{}, mutant.TwoWriters},

	{"refusal-forgotten", "a refusal is not recorded", "I2, I4", Options{}, mutant.RefusalForgotten},
	{"answers-forgotten", "answers are not loaded", "I4, snapshot", Options{}, mutant.AnswersForgotten},
	{"answers-kept-short", "answers are kept for a second", "snapshot, I4", Options{}, mutant.AnswersKeptShort},
	{"answers-kept-few", "an entity keeps two answers", "snapshot, I4", Options{}, mutant.AnswersKeptFew},
	{"body-ignored", "an id is answered whatever it is used for", "I4", Options{}, mutant.BodyIgnored},
	{"principal-ignored", "an id is answered to whoever uses it", "I4", Options{}, mutant.PrincipalIgnored},
	{"old-ids-taken", "ids older than the answers are taken", "retention", Options{}, mutant.OldIDsTaken},
	{"future-ids-taken", "ids are taken that are still good when their answers are not kept any more", "retention", Options{}, mutant.FutureIDsTaken},
	{"later-forgotten", "who repeats while an answer waits is answered at once", "I2", Options{}, mutant.LaterForgotten},

	{"duties-forgotten", "an opened cell does not see its duties", "I5, L1", Options{}, mutant.DutiesForgotten},
	{"duty-lost", "some news of orders is never sent to their tables", "I5", Options{}, mutant.DutyLost},
	{"inner-by-identity", "a message reaches the entity's next activation", "I3, I5, I11", Options{Faults: []string{"intruder"}, Slow: 0.3}, mutant.InnerByIdentity},
	{"release-unsent", "an order that is over counts its stock as released without saying so", "I5", Options{}, mutant.ReleaseUnsent},
	{"move-taken-twice", "a table forgets which moves it took", "I5, I11, snapshot", Options{Faults: []string{"crash", "restart", "respawn"}}, mutant.MoveTakenTwice},
	{"addition-kept", "lines that are refused keep some of their stock", "I5", Options{}, mutant.AdditionKept},
	{"wake-dropped", "every other alarm is not set", "I5", Options{}, mutant.WakeDropped},
	{"stash-lost", "messages to an entity that is being loaded are lost", "I5, L1", Options{Panics: 0.05}, mutant.StashLost},
	{"panic-is-answer", "a duty whose receiver panicked counts as heard", "I5, I11", Options{Panics: 0.05, Lazy: true}, mutant.PanicIsAnswer},
	{"time-goes-back", "an event may be earlier than the one before", "time", Options{Faults: []string{"clock", "restart"}}, mutant.TimeGoesBack},

	{"reload-around", "an entity is loaded around what it still has in the queue", "I0, I2, I4", Options{Panics: 0.05, Slow: 0.3}, mutant.ReloadAround},
	{"passivate-early", "an entity leaves memory before all of it is durable", "I6", Options{Slow: 0.5, Idle: true, Nodes: 1, Faults: []string{"gwcut"}}, mutant.PassivateEarly},
	{"panic-keeps-state", "a turn that panicked stays in the state", "I0, I2, snapshot", Options{Panics: 0.05}, mutant.PanicKeepsState},
	{"new-keeps-state", "so does the first turn of an entity", "I4", Options{Panics: 0.05}, mutant.NewKeepsState},
	{"tail-ignored", "what follows a snapshot is not loaded", "I0, I2, I10", Options{}, mutant.TailIgnored},

	{"snapshot-not-live", "a snapshot says that its entity is over", "snapshot", Options{}, mutant.SnapshotNotLive},
	{"snapshot-without-answers", "a snapshot has no answers", "snapshot", Options{}, mutant.SnapshotWithoutAnswers},
	{"snapshot-one-ahead", "a snapshot says a later version", "snapshot", Options{}, mutant.SnapshotOneAhead},
	{"snapshot-held", "a snapshot has events that are not in the log yet", "snapshot", Options{Faults: []string{"restart", "gossip"}, Nodes: 2, Lazy: true}, mutant.SnapshotHeld},
	{"snapshot-stale", "a snapshot has the state of the one before", "snapshot", Options{Faults: []string{"restart", "gossip"}}, mutant.SnapshotStale},
	{"snapshot-other-answer", "a snapshot has another answer to a command", "snapshot, I4", Options{}, mutant.SnapshotOtherAnswer},
	{"known-forgotten", "an opened cell does not know which entities are over", "I0, I4, I6", Options{Faults: []string{"crash"}}, mutant.KnownForgotten},
	{"known-short", "an opened cell knows those of the last second alone", "I0, I4, I6", Options{Faults: []string{"crash"}}, mutant.KnownShort},

	{"move-fires-again", "an order that moves is fired again", "I7", Options{}, mutant.MoveFiresAgain},
	{"bump-fires-again", "what is ready is fired again", "I7", Options{}, mutant.BumpFiresAgain},
	{"ready-unfired", "what was never fired is ready", "I7", Options{}, mutant.ReadyUnfired},
	{"void-fires", "what is voided is fired", "I7", Options{}, mutant.VoidFires},
	{"number-twice", "two orders of a day have one number", "I3", Options{}, mutant.NumberTwice},
	{"fate-twice", "an order that was refused can be cancelled", "I3", Options{}, mutant.FateTwice},

	{"stock-unchecked", "a stock gives what it does not have", "I1", Options{}, mutant.StockUnchecked},
	{"claim-unchecked", "two payments claim the same money", "I11", Options{}, mutant.ClaimUnchecked},
	{"credit-lost", "a payment that succeeded is not credited", "I5, I8", Options{}, mutant.CreditLost},
	{"credit-twice", "a payment is credited with twice its amount", "I8", Options{}, mutant.CreditTwice},
	{"total-off", "an order's share of a bill is one unit off", "I11", Options{}, mutant.TotalOff},
	{"refund-twice", "a refund is booked twice", "I8", Options{}, mutant.RefundTwice},
	{"late-charge-ignored", "a provider charges what was cancelled, and nobody notes it", "I8", Options{}, mutant.LateChargeIgnored},
	{"refund-unbooked", "what a provider has given back stays to be given back", "I8, L1", Options{}, mutant.RefundUnbooked},
	{"refund-unchecked", "more is given back than was taken", "I8", Options{}, mutant.RefundUnchecked},
	{"tip-lost", "a bill does not know a payment's tip", "I8", Options{}, mutant.TipLost},
	{"order-credit-twice", "so is a payment of an order without a table", "I8", Options{}, mutant.OrderCreditTwice},
	{"pay-first-ignored", "an order that is to be paid first is accepted unpaid", "I8", Options{}, mutant.PayFirstIgnored},
	{"void-misreckoned", "what is voided takes one unit too few off an order", "I11", Options{}, mutant.VoidMisreckoned},

	{"reading-twice", "readings that are sent again count again", "I2, I13", Options{}, mutant.ReadingTwice},
	{"hold-unsent", "a work order does not tell the stock what it holds", "I5, I13", Options{}, mutant.HoldUnsent},

	{"push-lost", "every twentieth batch of views is not shown", "I9", Options{}, mutant.PushLost},
	{"push-older", "an older view is shown after a newer one", "I10", Options{}, mutant.PushOlder},
	{"push-first", "of an entity's views in one batch the first wins", "I9", Options{}, mutant.PushFirst},
	{"push-closed-unseen", "nobody is shown that an entity is over", "I9", Options{}, mutant.PushClosedUnseen},
	{"push-version-ahead", "what is shown says a later version", "I2", Options{}, mutant.PushVersionAhead},
	{"push-over-as-live", "what is over is shown as though it lived", "I2", Options{}, mutant.PushOverAsLive},
	{"open-unseen", "an opened cell does not show what lives", "I8, I9", Options{Faults: []string{"crash", "gwcut"}}, mutant.OpenUnseen},

	{"no-fence", "a commit does not look at its epoch", "I0, I1, I4, I6, L1", Options{Faults: []string{"pause", "dbcut"}, Slow: 0.3}, mutant.NoFence},
	{"fence-without-lock", "an eviction does not wait for commits in flight", "I6, I5", Options{Faults: []string{"pause", "dbcut"}, Slow: 0.5, Nodes: 2, Readers: true, Long: true}, mutant.FenceWithoutLock},
	{"heads-by-snapshot", "a first block makes no head", "I5, I6, I9", Options{}, mutant.HeadsBySnapshot},
	{"head-not-revived", "a block on an entity that is over does not make it live", "I5, I8, I9", Options{Faults: []string{"crash", "restart", "gwcut"}, Lazy: true, Slow: 0.3}, mutant.HeadNotRevived},

	{"evict-without-fence", "a cell is claimed from a node whose epoch stands", "I0, I6, I12", Options{Faults: []string{"pause", "dbcut"}}, mutant.EvictWithoutFence},
	{"claim-over-live", "a cell is claimed from a node that lives", "I0, I6, I12", Options{}, mutant.ClaimOverLive},
	{"read-without-lease", "reads are answered when the lease has ended", "I6", Options{Faults: []string{"pause", "dbcut"}}, mutant.ReadWithoutLease},
	{"absence-without-lease", "so is that something is not there", "I6", Options{Faults: []string{"pause", "suspend"}}, mutant.AbsenceWithoutLease},
	{"lease-from-answer", "a lease is good from its answer, not from its asking", "I6, I12", Options{Faults: []string{"pause", "suspend"}, Tail: 0.5, Nodes: 2, Readers: true, Long: true}, mutant.LeaseFromAnswer},
	{"release-before-flush", "a cell is released before all of it is durable", "I0, I2, I6", Options{Faults: []string{"restart", "gossip"}}, mutant.ReleaseBeforeFlush},
	{"renew-any-epoch", "a renewal does not look at the epoch", "I6, I12", Options{Faults: []string{"pause", "dbcut"}, Nodes: 2, Readers: true, Long: true}, mutant.RenewAnyEpoch},
	{"release-any-claim", "a release does not name its claim", "I12", Options{Faults: []string{"gossip", "restart", "stray"}, Nodes: 3, Cells: 4}, mutant.ReleaseAnyClaim},
	{"restart-keeps-epoch", "a process that starts takes no new epoch", "I0, I2, I4", Options{Faults: []string{"respawn"}, Slow: 0.5}, mutant.RestartKeepsEpoch},
	{"lapse-keeps-epoch", "nor does one whose lease has ended", "I0, I2, L1", Options{Faults: []string{"dbmute", "dbcut"}, Slow: 0.5}, mutant.LapseKeepsEpoch},
	{"wall-clock", "leases are measured by a clock that is set", "I6, I12", Options{Faults: []string{"dbcut", "clock"}, Nodes: 2, Readers: true}, mutant.WallClock},
	{"frozen-clock", "leases are measured by a clock that stands still with its machine", "I6, I12", Options{Faults: []string{"suspend"}}, mutant.FrozenClock},
	{"open-on-demand", "a cell is opened only when somebody asks for it", "I5, I8", Options{Faults: []string{"respawn"}, Nodes: 1, Short: true}, mutant.OpenOnDemand},
	{"evict-soon", "a node is evicted before its lease can have ended", "I12, I6", Options{Faults: []string{"dbcut", "pause"}, Nodes: 2}, mutant.EvictSoon},
	{"open-after-lapse", "a cell is opened that was claimed before the lease ended", "I6", Options{Faults: []string{"suspend", "pause"}, Nodes: 3, Cells: 3, Tail: 0.3, Readers: true, Long: true}, mutant.OpenAfterLapse},
	{"read-while-leaving", "a cell that leaves says that what is not in memory is not there", "I6", Options{Faults: []string{"restart", "gossip"}, Nodes: 2, Readers: true, Idle: true}, mutant.ReadWhileLeaving},
}

// Named finds a mutant.
func Named(name string) (Mutant, bool) {
	for _, m := range Mutants {
		if m.Name == name {
			return m, true
		}
	}
	return Mutant{}, false
}

// Hunt runs seeds with a mutant until the checks notice it, or the time is up: with the
// swarm's faults and with its own in turn.
func (m Mutant) Hunt(seeds int, end time.Time) (t Total) {
	mutant.Turn(m.is)
	defer mutant.Turn(mutant.Off)
	for seed := uint64(1); seed <= uint64(seeds) && t.Failed == nil && (end.IsZero() || time.Now().Before(end)); seed++ {
		for _, o := range []Options{{}, m.Focus} {
			if p := NewPlan(seed, o); t.Failed == nil {
				clear(shown)
				clear(snapped)
				mutant.Turn(m.is)
				r := Run(p, nil)
				if t.add(r); r.Violation != "" {
					t.Failed, t.Violation = p, r.Violation
				}
			}
		}
	}
	return t
}
