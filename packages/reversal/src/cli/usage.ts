/** What `--help` prints. */
export const usage = `payflow-reversal: end what is stuck in PENDING

  payflow-reversal run    --config <module>                one pass, for a CronJob
  payflow-reversal watch  --config <module>                pass after pass, until SIGTERM or SIGINT
  payflow-reversal report --config <module>                what a pass would look at; no change

  --config <module>            a module whose default export is a job made by createReversal, or
                               { reversal, close }, or a function returning either (or a promise)
  --json                       one JSON object a line instead of text
  --limit <n>                  report: rows to list, 0 to 1000, default 20
  --interval-ms <n>            watch: from start to start of two passes, default 60000
  --on-mass-reversal <action>  run: proceed or pause, whatever the config module says
  --tolerate-mass-reversal     run: a mass reversal it went on with does not change the exit code
  --help

Exit codes: 0 done · 1 database or config module unavailable · 2 wrong usage, or not migrated
            3 some rows failed and stay pending · 4 the guard maxPerRun ended the pass
            5 a mass reversal, and it went on · 6 a mass reversal, and it decided nothing`
