/*
 * Preloaded (`--import`) into a process of PayFlow, this sets the process's clock wrong by as many
 * milliseconds as the environment says. Node's own inner workings keep the right time.
 */
const aheadMs = Number(process.env['CLOCK_AHEAD_MS'])
const RightDate = Date

globalThis.Date = class extends RightDate {
  constructor(...args: [] | [number | string | Date]) {
    if (args.length === 0) super(RightDate.now() + aheadMs)
    else super(...args)
  }

  static override now(): number {
    return RightDate.now() + aheadMs
  }
} as DateConstructor
