import { ShieldCheck } from 'lucide-react'
import type { RecipientView } from '@payflow-app/contracts'
import { formatMinor } from '../money.ts'
import type { PendingPayment } from '../pending-payment.ts'
import { Avatar } from './avatar.tsx'
import { Button } from './button.tsx'
import { BigMoney } from './money.tsx'

/** The last look: who, how much, what for, and a button that says what it does. */
export function Review(props: {
  readonly to: RecipientView
  readonly payment: PendingPayment
  readonly onConfirm: () => void
}) {
  const { to, payment, onConfirm } = props
  return (
    <section className='card rise p-5 text-center sm:p-6'>
      <div className='flex flex-col items-center'>
        <Avatar id={to.id} name={to.name} size='lg' />
        <p className='mt-3 font-semibold'>{to.name}</p>
        <p className='text-sm break-all text-soft'>{to.email}</p>
        <p className='mt-6 text-5xl font-semibold tracking-tight'>
          <BigMoney minor={payment.amount} currency={payment.currency} />
        </p>
        {payment.note !== '' && (
          <p className='mt-4 max-w-full rounded-xl bg-sunken px-4 py-2 text-sm break-words'>
            {payment.note}
          </p>
        )}
      </div>
      <Button className='mt-8 w-full text-base' onClick={onConfirm}>
        Send {formatMinor(payment.amount, payment.currency)} to {to.name}
      </Button>
      <p className='mt-4 flex items-start gap-2 text-left text-sm text-soft'>
        <ShieldCheck aria-hidden='true' className='mt-0.5 size-4 shrink-0 text-accent' />
        Safe to click twice: this payment has one key, and one key is paid at most once.
      </p>
    </section>
  )
}
