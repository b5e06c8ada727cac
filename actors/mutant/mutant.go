// Package mutant switches known-wrong parts of the host on, by name, so that the
// simulation can prove that it would notice them.
//
// Its promise: while none is on, which is always outside of a simulation, a mutant
// costs a comparison with zero. actors/sim says what each breaks; it alone calls Turn.
package mutant

// Mutant is one known-wrong part.
type Mutant uint8

// Off is right.
const Off Mutant = 0

var (
	on Mutant
	n  int
)

// Turn switches m on, and every other off. Nothing else may run meanwhile.
func Turn(m Mutant) { on, n = m, 0 }

// Is reports whether m is on.
func Is(m Mutant) bool { return on == m }

// Any reports whether some mutant is on.
func Any() bool { return on != Off }

// Every reports whether m is on, each nth time that it is asked.
func Every(nth int, m Mutant) bool {
	if on != m {
		return false
	}
	n++
	return n%nth == 0
}

// The gate and the writer.
const (
	ReplyEarly Mutant = 1 + iota
	GateAtCut
	GateBefore
	ReadUngated
	PushUngated
	ForeignEntityOnly
	LostIsFailure
	BlindRetry
	ResendMerged

	// What is remembered.
	RefusalForgotten
	AnswersForgotten
	BodyIgnored
	PrincipalIgnored
	AnswersKeptShort
	AnswersKeptFew
	OldIDsTaken
	FutureIDsTaken
	LaterForgotten

	// Duties, activations and what wakes an entity.
	DutiesForgotten
	DutyLost
	InnerByIdentity
	ReleaseUnsent
	MoveTakenTwice
	AdditionKept
	WakeDropped
	StashLost
	PanicIsAnswer
	TimeGoesBack

	// Loading and leaving memory.
	ReloadAround
	PassivateEarly
	PanicKeepsState
	NewKeepsState
	TailIgnored

	// Snapshots.
	SnapshotNotLive
	SnapshotWithoutAnswers
	SnapshotOneAhead
	SnapshotHeld
	SnapshotStale
	SnapshotOtherAnswer
	KnownForgotten
	KnownShort

	// Tickets.
	MoveFiresAgain
	BumpFiresAgain
	ReadyUnfired
	VoidFires
	NumberTwice
	FateTwice

	// Money.
	StockUnchecked
	ClaimUnchecked
	CreditLost
	CreditTwice
	TotalOff
	RefundTwice
	LateChargeIgnored
	RefundUnbooked
	RefundUnchecked
	TipLost
	OrderCreditTwice
	PayFirstIgnored
	VoidMisreckoned

	// Sensors.
	ReadingTwice
	HoldUnsent

	// Boards.
	PushLost
	PushOlder
	PushFirst
	OpenUnseen
	PushClosedUnseen
	PushVersionAhead
	PushOverAsLive

	// The database.
	NoFence
	FenceWithoutLock
	HeadsBySnapshot
	HeadNotRevived
	SplitBatch
	TwoWriters

	// Leases and claims.
	EvictWithoutFence
	ClaimOverLive
	ReadWithoutLease
	AbsenceWithoutLease
	LeaseFromAnswer
	ReleaseBeforeFlush
	RenewAnyEpoch
	ReleaseAnyClaim
	RestartKeepsEpoch
	LapseKeepsEpoch
	WallClock
	FrozenClock
	OpenOnDemand
	EvictSoon
	OpenAfterLapse
	ReadWhileLeaving
)
