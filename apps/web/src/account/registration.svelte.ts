/** A registration that this tab has begun: the recovery key is offered before the chats. */
class Registration {
  running = $state(false);
}

export const registration = new Registration();
