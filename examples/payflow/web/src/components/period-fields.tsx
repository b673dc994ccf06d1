interface PeriodFieldsProps {
  /** Days as `2026-03-04`, the last one included; empty: open. */
  readonly from: string
  readonly to: string
  readonly onChange: (name: 'from' | 'to', day: string) => void
}

/** The first and the last day of a period. */
export function PeriodFields({ from, to, onChange }: PeriodFieldsProps) {
  return (
    <>
      <Day label='From' value={from} onChange={(day) => onChange('from', day)} max={to} />
      <Day label='To' value={to} onChange={(day) => onChange('to', day)} min={from} />
    </>
  )
}

function Day(props: {
  readonly label: string
  readonly value: string
  readonly min?: string
  readonly max?: string
  readonly onChange: (day: string) => void
}) {
  const { label, value, onChange, ...bounds } = props
  return (
    <label className='text-sm'>
      <span className='mb-1 block text-soft'>{label}</span>
      <input
        type='date'
        value={value}
        onChange={(event) => onChange(event.target.value)}
        className='input-frame min-h-11 w-full'
        {...bounds}
      />
    </label>
  )
}
