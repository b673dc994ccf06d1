import { invalidOption, within } from '../resolve-options.ts'
import type { ParkedFilter, RedriveOptions } from './types.ts'

/** {@link RedriveOptions} with every default filled in. */
export interface ResolvedRedriveOptions {
  readonly where: ParkedFilter
  readonly limit: number
  readonly ratePerS: number
  readonly dryRun: boolean
  readonly force: boolean
  readonly reason: string
  readonly actor: string
  readonly maxParkedAgainRatio: number
  readonly signal: AbortSignal | undefined
  readonly onProgress: RedriveOptions['onProgress']
}

/** Fills in the defaults; throws `QUEUE_INVALID_OPTIONS` for what is out of range. */
export function resolveRedriveOptions(options: RedriveOptions): ResolvedRedriveOptions {
  const dryRun = options.dryRun ?? false
  const ratio = options.maxParkedAgainRatio ?? 0.2
  if (!(ratio >= 0 && ratio <= 1)) throw invalidOption('maxParkedAgainRatio', 'from 0 to 1')
  const where = options.where ?? {}
  return {
    where: checkedFilter(where),
    limit: within('limit', options.limit ?? 100, 1, 100_000),
    ratePerS: within('ratePerS', options.ratePerS ?? 50, 1, 1_000),
    dryRun,
    force: options.force ?? false,
    ...signature(options, dryRun),
    maxParkedAgainRatio: ratio,
    signal: options.signal,
    onProgress: options.onProgress,
  }
}

/** Who and why; an audit without them is none. */
export function signature(
  options: { readonly reason?: string | undefined; readonly actor?: string | undefined },
  dryRun: boolean,
): { readonly reason: string; readonly actor: string } {
  const { reason = '', actor = '' } = options
  if (!dryRun) {
    requireText('reason', reason, 1_000)
    requireText('actor', actor, 200)
  }
  return { reason, actor }
}

/** Ages in range. */
export function checkedFilter(where: ParkedFilter): ParkedFilter {
  const most = 3_153_600_000_000
  if (where.minAgeMs !== undefined) within('where.minAgeMs', where.minAgeMs, 0, most)
  if (where.maxAgeMs !== undefined) within('where.maxAgeMs', where.maxAgeMs, 0, most)
  return where
}

function requireText(name: string, value: unknown, max: number): void {
  if (typeof value === 'string' && value.length > 0 && value.length <= max && !value.includes('\0'))
    return
  throw invalidOption(name, `1–${max} characters`)
}
