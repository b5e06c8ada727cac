package journal

import "context"

// Lease is a process's right to write, as the database holds it.
type Lease struct {
	Node     int64  // this incarnation: a process has one of its own
	Name     string // stable name of the node
	Address  string // where other nodes reach it
	Format   int    // what it can read: see Claim.Needs
	Epoch    int64  // raised by whoever fences the process, itself included
	Renewals int64  // raised by every renewal: who stands still is dead
}

// Claim says whose a cell is. A node owns what it claimed at its current epoch: once the
// epoch is raised, the cell may be claimed by anybody.
type Claim struct {
	Cell  string
	Node  int64 // 0: nobody's
	Epoch int64 // of Node when it claimed
	Claim int64 // raised by every claim: names the activation
	Needs int   // the Format that a node needs to open the cell
}

// Leases is what nodes that share a database ask of it beside their journals. Errors
// other than ErrFenced mean that the outcome is unknown.
type Leases interface {
	// Self reads this process's own lease.
	Self(ctx context.Context) (Lease, error)
	// Raise takes the next epoch for this process, if it stands at l.Epoch (else
	// ErrFenced), and for every earlier incarnation of its name: what they have in
	// progress ends first, and nothing follows. This process's journal writes for the
	// new epoch from then on; a batch that was cut before is refused.
	Raise(ctx context.Context, l Lease) (Lease, error)
	// Renew adds one to the renewals if epoch and renewals stand as in l, and says
	// whether they did. It reads all leases in any case.
	Renew(ctx context.Context, l Lease) (renewed bool, all []Lease, err error)
	// Fence evicts a node: it raises the epoch, once what the node has in progress has
	// ended, if epoch and renewals stand as in l. It says whether they did.
	Fence(ctx context.Context, l Lease) (bool, error)
	// Forget takes away a lease that stands as in l. Its node is fenced for good, unless
	// it raises its epoch itself.
	Forget(ctx context.Context, l Lease) error
	// Claims reads whose the cells are.
	Claims(ctx context.Context) ([]Claim, error)
	// Claim gives cells to the holder of l where they are new, nobody's, its own, or of a
	// node that was fenced since, and l.Format is enough. It returns the rows of those
	// cells as they stand then; ErrFenced if l's epoch does not stand.
	Claim(ctx context.Context, l Lease, cells []string) ([]Claim, error)
	// Release makes a cell nobody's if node, epoch and claim stand as in c, and notes
	// what it needs (never less than before). It returns the row as it stands then.
	Release(ctx context.Context, c Claim) (Claim, error)
}
