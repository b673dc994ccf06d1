import { formatMinor, moneyParts } from '../money.ts'

/** An amount in a row: signed by direction, and readable without the colour. */
export function Amount(props: {
  readonly minor: number
  readonly currency: string
  readonly direction: 'in' | 'out'
  readonly void: boolean
}) {
  const text = formatMinor(props.minor, props.currency)
  if (props.void) {
    return <span className='tabular-nums text-soft line-through decoration-1'>{text}</span>
  }
  return props.direction === 'in' ? (
    <span className='font-semibold tabular-nums text-good'>+{text}</span>
  ) : (
    <span className='font-semibold tabular-nums'>−{text}</span>
  )
}

/** A large amount with smaller cents. */
export function BigMoney(props: { readonly minor: number; readonly currency: string }) {
  const { sign, symbol, whole, fraction } = moneyParts(props.minor, props.currency)
  return (
    <span className='tabular-nums'>
      {sign}
      {symbol}
      {whole}
      <span className='text-[0.55em] opacity-75'>{fraction}</span>
    </span>
  )
}
