package main

import (
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/portcullis-authz/portcullis/ops"
)

// Limits of one answer: as many records as a page shows, and as long as a client waits for the first.
const (
	maxRecords = 100
	maxWait    = 2 * time.Second
)

func (s *service) consume(w http.ResponseWriter, r *http.Request) {
	if !s.allowed(w, r, ops.FetchKey, ops.Read) {
		return
	}
	partition, err := strconv.ParseInt(r.PathValue("partition"), 10, 32)
	offset, errOffset := strconv.ParseInt(cmp.Or(r.URL.Query().Get("offset"), "0"), 10, 64)
	if err != nil || errOffset != nil || partition < 0 || offset < 0 {
		http.Error(w, "expected /topics/NAME/partitions/N?offset=M", http.StatusBadRequest)
		return
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.brokers...), kgo.FetchMaxBytes(1<<20), kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{
		r.PathValue("topic"): {int32(partition): kgo.NewOffset().At(offset)}}), kgo.ConsumeResetOffset(kgo.NoResetOffset()))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(r.Context(), maxWait)
	defer cancel()
	values := []string{}
	fetched := client.PollRecords(ctx, maxRecords)
	if err := fetched.Err(); err != nil && ctx.Err() == nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	fetched.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(values)
}
