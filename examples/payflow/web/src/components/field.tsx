import { useId } from 'react'
import type { ComponentProps, ReactNode } from 'react'

interface FieldProps extends ComponentProps<'input'> {
  readonly label: string
  readonly hint?: ReactNode
  readonly error?: string | undefined
  readonly prefix?: string
  readonly large?: boolean
}

/** A labelled input whose hint and error are read with it. */
export function Field({ label, hint, error, prefix, large, ...input }: FieldProps) {
  const id = useId()
  const size = large ? 'text-3xl font-semibold tabular-nums py-3' : 'text-base py-2.5'
  return (
    <div>
      <label htmlFor={id} className='mb-1.5 block text-sm font-medium'>
        {label}
      </label>
      <div className={`input-frame ${error ? 'border-bad' : ''}`}>
        {prefix && (
          <span aria-hidden='true' className={`pr-1 text-soft ${large ? 'text-3xl' : ''}`}>
            {prefix}
          </span>
        )}
        <input
          id={id}
          aria-invalid={error !== undefined}
          aria-describedby={`${id}-hint`}
          className={`w-full min-w-0 bg-transparent outline-none ${size}`}
          {...input}
        />
      </div>
      <FieldNote id={`${id}-hint`} error={error} hint={hint} />
    </div>
  )
}

/** The line under a field: its error when there is one, else its hint. */
export function FieldNote(props: {
  readonly id: string
  readonly error: string | undefined
  readonly hint?: ReactNode
}) {
  return (
    <p id={props.id} className={`mt-1.5 text-sm ${props.error ? 'text-bad' : 'text-soft'}`}>
      {props.error ?? props.hint}
    </p>
  )
}
