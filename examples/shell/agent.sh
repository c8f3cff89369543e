#!/usr/bin/env bash
# An agent of grpcurl and jq, made from the protos alone: it serves invocations under the name
# SHELL, follows the pattern `orders.>`, and keeps both through lost connections.
set -euo pipefail -f

core=${BLACKROAD_CORE:-127.0.0.1:50051}
protos=$(dirname "$0")/../../protos
package=blackroad.realtime.v1
headers=()
[[ -z ${BLACKROAD_TOKEN:-} ]] || headers=(-H "authorization: Bearer $BLACKROAD_TOKEN")

state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT
touch "$state/cursor" "$state/heard"
mkfifo "$state/connect" "$state/serve"
exec 3<>"$state/connect" 4<>"$state/serve" # what is written to these, grpcurl sends

# call FD FILE SERVICE/RPC FILTER: sends the frames that are written to FD, and does what jq's filter
# makes of the answers, until the stream ends.
call() {
  local pinging status=0
  while sleep 1; do echo '{"ping": {}}'; done >&"$1" & # grpcurl ends after a loss when it next sends
  pinging=$!
  grpcurl -plaintext -import-path "$protos" -proto "${package//.//}/$2" "${headers[@]}" \
    -d @ "$core" "$package.$3" <&"$1" | jq --unbuffered -r "$4" | react || status=$?
  kill $pinging
  return $status
}

# Prints the events of the pattern until the stream ends. A stream that begins with the newest cursor
# brings what was missed, or says that something is lost.
follow() {
  jq -n -c --rawfile cursor "$state/cursor" \
    '{subscribe: ({channel: "orders.>"} + if $cursor == "" then {} else {$cursor} end)}' >&3
  call 3 channel.proto ChannelService/Connect '
    def lost: "say following \(.channel): events are missing (\(.gap // .reason)): load the state anew";
    (.subscribed // empty | if .recovered == false then lost
      else "say following \(.channel)\(if .recovered then ": recovered, nothing is missing" else "" end)" end),
    (.delivery.events // [] | .[] | "hear \(.channel)#\(.offset) \(.sender): \(.text // .json | gsub("\\s"; " "))", "cursor \(.cursor)"),
    (.gap // empty | lost),
    (.subscribed, .gap, .caughtUp, .bookmark | .cursor? // empty | "cursor \(.)"),
    (.rejected // empty | "refused \(.code): \(.message)"),
    (.closing.retryAfter // empty | "away \(.)")'
}

# Takes invocations until the stream ends, 8 at a time.
serve() {
  echo '{"register": {"agent": "SHELL", "capabilities": ["greeting"], "max_concurrency": 8}}' >&4
  call 4 stream.proto StreamService/Serve '
    (.registered // empty | "say serving \(.serves | join(", "))"),
    (select(.invocation) | "answer \(.streamId) \(.attempt) \([.invocation.messages[-1].parts[].text // ""] | add | gsub("\\s"; " "))"),
    (select(.cancel) | "stop \(.streamId) cancelled"),
    (select(.superseded) | "stop \(.streamId) superseded"),
    (select(.rejected and .streamId == null).rejected | "refused \(.code): \(.message)"),
    (.closing.retryAfter // empty | "away \(.)")'
}

# Does what the lines of stdin say.
react() {
  while read -r word rest; do
    case $word in
      say) echo "$rest" ;;
      hear) echo "$rest" | tee -a "$state/heard" ;;
      cursor) echo -n "$rest" >"$state/cursor" ;;
      answer) answer $rest & ;;
      stop) stop $rest ;;
      away) sleep "$rest" ;;
      refused) echo "$rest" >&2; exit 67 ;;
    esac
  done
}

# answer STREAM ATTEMPT WORDS: says some words, one chunk each. A cancel is confirmed by `finish`;
# where another worker has taken over, nothing more is said.
answer() {
  local stream=$1 attempt=$2 text="${*:3}" index=0 word stopped=
  echo "answering \"$text\""
  for word in Hello from the shell. Events heard: "$(wc -l <"$state/heard")." You said: "${@:3}"; do
    sleep 0.05 # as fast as a model speaks
    stopped=$(cat "$state/$stream" 2>/dev/null) && break
    index=$((index + 1))
    frame "$stream" "$attempt" '{chunk: {$index, text: $text}}' "$index" "$word "
  done
  [[ $stopped == superseded ]] ||
    frame "$stream" "$attempt" '{finish: {cancelled: ($text == "cancelled")}}' 0 "$stopped"
  rm -f "${state:?}/$stream"
}

# stop STREAM WHY: the answer finds it before its next word.
stop() { echo "$2" >"$state/$1"; }

# frame STREAM ATTEMPT FILTER INDEX TEXT: sends a frame of an answer, in one line.
frame() {
  jq -n -c --arg stream_id "$1" --argjson attempt "$2" --argjson index "$4" --arg text "$5" \
    "{\$stream_id, \$attempt} + $3" >&4
}

# keep STREAM: runs it again and again with full jitter in between, until we leave or waiting cannot
# help. grpcurl ends with 64 and the status.
keep() {
  local ceiling=500 began pause status
  while [[ ! -e $state/leaving ]]; do
    began=$SECONDS status=0
    "$1" || status=$?
    [[ ! -e $state/leaving ]] || return 0
    case $status in 67 | 71 | 80) return $status ;; esac # bad request, forbidden, unauthenticated
    ((SECONDS - began < 20)) || ceiling=500               # it had worked
    pause=$((RANDOM % ceiling))
    echo "$1 lost; again in $pause ms"
    sleep "$((pause / 1000)).$(printf %03d $((pause % 1000)))"
    ceiling=$((ceiling < 10000 ? 2 * ceiling : 20000))
  done
}

# The server ends both streams, that of `serve` once all answers are complete.
leave() {
  touch "$state/leaving"
  echo '{"leave": {}}' >&3
  echo '{"drain": {}}' >&4
}

trap 'leave; trap - INT TERM' INT TERM # a second signal ends it at once
keep follow &
keep serve &
status=0
for _ in 1 2; do
  while wait -n || status=$?; ((status > 128)); do status=0; done # a signal only interrupts it
  ((status == 0)) || { leave; break; }
done
exit $status
