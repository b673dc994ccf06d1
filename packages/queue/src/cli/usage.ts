export const usage = `payflow-queue: look at queues and outbox, and send back what was parked

  payflow-queue depth [queue…]               messages that wait, in queues and outbox
  payflow-queue parked list <queue>          what was parked of a work queue, and why
  payflow-queue parked inspect <queue> <id>  one message with its headers
  payflow-queue parked redrive <queue>       send it back into its work queue
  payflow-queue outbox parked                rows the broker kept refusing
  payflow-queue outbox requeue               give them back to the relays
  payflow-queue topology plan                what apply would create, and what is in its way
  payflow-queue topology apply               declare it
  payflow-queue reconcile                    hold counts against rows
  payflow-queue sweep                        forget ids past their retention

  --config <module>      a module whose default export is a bus made by createBus with its consumers,
                         none of them started, or { bus, close }, or a function returning either
                         (also a promise). Needed by every command.
  --id, --type, --key <text>      only such messages or rows; may be repeated
  --parked-as <reason>            parked: only what was parked so; may be repeated
  --min-age-ms, --max-age-ms <n>  parked: only what was parked so long ago
  --limit <n>            the most messages or rows, default 100
  --reason <text>        redrive, requeue: why, for the audit
  --actor <name>         redrive, requeue: who, for the audit
  --rate-per-s <n>       redrive: messages a second, default 50
  --max-parked-again <r> redrive: stop when this share came back, 0 to 1, default 0.2
  --dry-run              redrive, requeue: only count
  --force                redrive: also what the inbox may have forgotten; effects may happen twice
  --yes                  redrive, requeue: don't ask; needed where nobody can answer
  --body                 inspect: print the body, too. It may be somebody's private data.
  --retention-ms <n>     sweep: default the inboxRetentionMs of the bus
  --json, --text         one JSON object a line, or text; default text on a terminal, else JSON
  --help

Exit codes: 0 done · 1 broker, database or config module unavailable · 2 wrong usage
            3 not everything was done · 4 no such message · 5 reconcile found differences`
