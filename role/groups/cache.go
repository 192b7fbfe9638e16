package groups

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/portcullis-authz/portcullis/principal"
)

// Defaults of [Options].
const (
	DefaultRefresh = time.Minute
	DefaultKeep    = 10 * time.Minute
	DefaultTimeout = 5 * time.Second
	DefaultRetry   = 5 * time.Second
	// DefaultUsers is far more than a cluster has. A user takes some 200 bytes and its groups.
	DefaultUsers = 100_000
	// DefaultQuestions is how many connections to a directory one program may hold.
	DefaultQuestions = 8
)

// Options configures a [Cache]. The zero value of a field means its default.
type Options struct {
	// Refresh is the age at which an answer is asked for again before it is used. So a change of
	// membership counts after this time at the latest, while the source answers.
	Refresh time.Duration
	// Keep is the age until which an answer counts while the source does not answer. After it
	// the groups are not known.
	Keep time.Duration
	// Timeout limits one question, with the wait for its turn.
	Timeout time.Duration
	// Retry is the pause after a question without an answer. In it, nobody waits: known answers
	// count, and others are errors. After it one caller tries again.
	Retry time.Duration
	// Users is how many users are remembered. Beyond it an older one is forgotten.
	Users int
	// Questions is how many questions there are at a time.
	Questions int
}

// Cache remembers the answers of a source. Create it with [NewCache]. It is safe for concurrent
// use by any number of goroutines, and has none of its own.
type Cache struct {
	source  Source
	options Options
	turns   chan struct{}

	mu      sync.Mutex
	users   map[principal.Principal]*answer
	pause   time.Time // until when the source is not asked, because it did not answer
	failing time.Time // since when it does not; zero means it does
	stats   Stats
}

// answer is what is known of a user.
type answer struct {
	groups []principal.Principal
	at     time.Time // when it was asked for; zero means never
	err    error     // of the last question
	again  time.Time // before which it is not asked for again, because the answer could not be used
	asking chan struct{}
}

// Stats counts what a [Cache] did.
type Stats struct {
	Users    int           // that are remembered
	Asked    uint64        // questions to the source
	Failed   uint64        // those without an answer, or with one that cannot be used
	Unknown  uint64        // calls that returned an error
	Failing  time.Duration // for how long the source has not answered; 0 means it does
	Outdated bool          // it has not for longer than Options.Keep: nobody's groups are known
}

// NewCache returns a cache. It returns an error for options that are negative, or if Keep is less
// than Refresh.
func NewCache(source Source, o Options) (*Cache, error) {
	if source == nil {
		return nil, errors.New("groups: expected a source")
	}
	for _, d := range []struct {
		name  string
		value *time.Duration
		byDef time.Duration
	}{{"Refresh", &o.Refresh, DefaultRefresh}, {"Keep", &o.Keep, DefaultKeep}, {"Timeout", &o.Timeout, DefaultTimeout}, {"Retry", &o.Retry, DefaultRetry}} {
		if *d.value < 0 {
			return nil, fmt.Errorf("groups: %s is %v: expected a positive time", d.name, *d.value)
		}
		if *d.value == 0 {
			*d.value = d.byDef
		}
	}
	if o.Users < 0 || o.Questions < 0 {
		return nil, errors.New("groups: Users and Questions: expected a positive number")
	}
	if o.Users == 0 {
		o.Users = DefaultUsers
	}
	if o.Questions == 0 {
		o.Questions = DefaultQuestions
	}
	if o.Keep < o.Refresh {
		return nil, fmt.Errorf("groups: Keep is %v, less than Refresh, %v: each answer would be too old before the next one", o.Keep, o.Refresh)
	}
	return &Cache{source: source, options: o, turns: make(chan struct{}, o.Questions), users: map[principal.Principal]*answer{}}, nil
}

// Groups returns the groups of a principal. With an answer that is young enough it costs a look-up
// in a map, under a lock. Otherwise it asks the source, or waits for a caller that does, for at
// most Options.Timeout. See [Source] for errors.
func (c *Cache) Groups(ctx context.Context, who principal.Principal) ([]principal.Principal, error) {
	who.TokenAuthenticated = false // it is the same user
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.users[who]
	if a == nil {
		a = &answer{}
		c.makeRoom()
		c.users[who] = a
	}
	now := time.Now()
	if a.isKnown() && now.Sub(a.at) <= c.options.Refresh {
		return a.groups, nil
	}
	switch {
	case a.asking != nil:
		if err := c.wait(ctx, a.asking); err != nil {
			return c.give(a, err)
		}
	case now.Before(c.pause) || now.Before(a.again):
	default:
		c.ask(ctx, who, a)
	}
	return c.give(a, a.err)
}

func (a *answer) isKnown() bool { return !a.at.IsZero() }

// give returns the answer if it counts, and otherwise why there is none. c.mu is held.
func (c *Cache) give(a *answer, err error) ([]principal.Principal, error) {
	if a.isKnown() && time.Since(a.at) <= c.options.Keep {
		return a.groups, nil
	}
	c.stats.Unknown++
	if err == nil {
		err = fmt.Errorf("the source of the groups does not answer: it is asked again in %v", time.Until(c.pause).Round(time.Second))
	}
	return nil, err
}

// wait waits for another caller's question. c.mu is held, but not while it waits.
func (c *Cache) wait(ctx context.Context, asking chan struct{}) error {
	c.mu.Unlock()
	defer c.mu.Lock()
	timer := time.NewTimer(c.options.Timeout)
	defer timer.Stop()
	select {
	case <-asking:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return errors.New("the source of the groups is slow")
	}
}

// ask asks the source. Others wait for the answer too, so that it does not end with ctx. c.mu is
// held, but not during the question.
func (c *Cache) ask(ctx context.Context, who principal.Principal, a *answer) {
	began := time.Now()
	a.asking = make(chan struct{})
	c.stats.Asked++
	if !c.failing.IsZero() { // one caller tries, the others do not wait
		c.pause = began.Add(c.options.Timeout)
	}
	c.mu.Unlock()
	groups, err := c.question(ctx, who)
	c.mu.Lock()
	close(a.asking)
	a.asking, a.err = nil, err
	switch {
	case err == nil:
		if !slices.EqualFunc(a.groups, groups, principal.Principal.Equal) || !a.isKnown() {
			a.groups = groups
		}
		a.at = began
		c.pause, c.failing = time.Time{}, time.Time{}
	case errors.Is(err, ErrUnusable): // the source has answered
		a.groups, a.at, a.again = nil, time.Time{}, time.Now().Add(c.options.Refresh)
		c.stats.Failed++
		c.pause, c.failing = time.Time{}, time.Time{}
	default:
		c.stats.Failed++
		c.pause = time.Now().Add(c.options.Retry)
		if c.failing.IsZero() {
			c.failing = began
		}
	}
}

func (c *Cache) question(ctx context.Context, who principal.Principal) (_ []principal.Principal, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), c.options.Timeout)
	defer cancel()
	defer func() {
		if caught := recover(); caught != nil { // or all who wait would wait for their timeout
			err = fmt.Errorf("the source of the groups has a fault: %v", caught)
		}
	}()
	select {
	case c.turns <- struct{}{}:
		defer func() { <-c.turns }()
	case <-ctx.Done():
		return nil, errors.New("the source of the groups is slow")
	}
	return c.source.Groups(ctx, who)
}

// samples is how many users makeRoom looks at to forget the oldest of them.
const samples = 8

// makeRoom forgets a user if there are as many as may be. c.mu is held.
func (c *Cache) makeRoom() {
	if len(c.users) < c.options.Users {
		return
	}
	var oldest principal.Principal
	var found *answer
	looked := 0
	for who, a := range c.users {
		if a.asking == nil && (found == nil || a.at.Before(found.at)) {
			oldest, found = who, a
		}
		if looked++; looked == samples && found != nil {
			break
		}
	}
	delete(c.users, oldest)
}

// Stats returns what the cache did so far.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.stats
	s.Users = len(c.users)
	if !c.failing.IsZero() {
		s.Failing = time.Since(c.failing)
		s.Outdated = s.Failing > c.options.Keep
	}
	return s
}
