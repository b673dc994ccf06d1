import { problemText } from '../api/problem.ts'
import { usePaymentMails } from '../hooks/use-payment-mails.ts'
import { FormError } from './feedback.tsx'

/** Switches e-mails about payments on and off. Not there while it is not known what they are. */
export function MailSwitch() {
  const { on, change } = usePaymentMails()
  if (on === undefined) return null
  // What was chosen, while the server is being told.
  const shown = change.isPending ? change.variables : on
  return (
    <section className='card mt-4 px-4 py-3.5 sm:px-5'>
      <label className='flex cursor-pointer items-start gap-3'>
        <input
          type='checkbox'
          role='switch'
          className='mt-1 size-5 shrink-0 accent-accent'
          checked={shown}
          aria-busy={change.isPending}
          onChange={(event) => change.mutate(event.target.checked)}
        />
        <span className='min-w-0'>
          <span className='block font-medium'>Tell me about payments by e-mail too</span>
          <span className='mt-0.5 block text-sm text-soft'>
            What concerns your password always comes by e-mail.
          </span>
        </span>
      </label>
      {change.isError && <FormError>{problemText(change.error)}</FormError>}
    </section>
  )
}
