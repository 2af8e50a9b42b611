"""The work of the settings: they are for the screen, the model in use, and the cores that it has."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from bitnet.errors import BadArgument, BitNetError
from bitnet.ui import cards, sharing
from bitnet.ui import state as states
from bitnet.ui.models import Models
from bitnet.ui.query import Query
from bitnet.ui.screen import Screen
from bitnet.ui.settings import Settings
from bitnet.ui.state import Alert
from bitnet.ui.work import Work


class Preferences:
    """Takes what the visitor has set, and makes the model fit it.

    Args:
        restored: The settings are those that this tab kept.
        turns: The work that a change may have to stop.
    """

    def __init__(self, screen: Screen, query: Query, models: Models, *, restored: bool, turns: Work) -> None:
        self._screen, self._query, self._models = screen, query, models
        self._restored, self._turns = restored, turns

    def asked(self) -> Settings:
        """The settings, and for the first model what the address asks for."""
        settings = self._screen.state.settings
        if self._models.model is None:
            with suppress(BadArgument):  # is said when the model is there
                return settings.with_fields(self._query.fields)
        return settings

    def take(self, *, is_first: bool) -> None:
        """A model's defaults; settings of this tab stay, and what the address asks for goes before both."""
        screen, opened = self._screen, self._models.opened
        if opened is None:
            return
        defaults = Settings.of_sampling(opened.entry.sampling if opened.entry else {})
        settings, alert = screen.state.settings, screen.state.alert
        is_usual = settings.chat_fields() == screen.state.defaults.chat_fields()
        if is_usual and not (is_first and self._restored):
            settings = settings.with_chat(defaults)
        if is_first:
            try:
                settings = settings.with_fields(self._query.fields)
            except BadArgument as error:
                alert = Alert(f"The address of this page asks for what cannot be: {error}")
        screen.state = replace(screen.state, defaults=defaults, settings=settings, alert=alert)
        if problem := self.fit():
            screen.state = replace(screen.state, alert=Alert(problem))
        screen.show_settings()
        state = screen.state
        gains = sharing.would_gain(state.cores, opened.size_bytes)
        if state.may_isolate and state.settings.ranks is None and gains:
            screen.show(state, ["isolate", "next visit"])

    def reset(self) -> None:
        self.change(self._screen.state.defaults.fields())

    def change(self, fields: Mapping[str, str]) -> None:
        screen = self._screen
        try:
            settings, problem = screen.state.settings.with_fields(fields), ""
        except BadArgument as error:
            settings, problem = screen.state.settings, str(error)
        before = screen.state.settings
        screen.state = replace(screen.state, settings=settings, settings_problem=problem)
        earlier, now = before.fields(), settings.fields()
        asked = {name: text for name, text in self._query.fields.items() if earlier[name] == now[name]}
        self._query = replace(self._query, fields=asked)  # the visitor has chosen the others since
        if settings.device_fields() != before.device_fields():
            screen.show(screen.state, ["keep", json.dumps(settings.device_fields())])
        if settings.ranks != before.ranks and self._change_ranks():
            return
        if settings.profile != before.profile and self._change_profile():
            return
        fits = all(earlier[name] == now[name] for name in ("context", "kv")) and (
            settings.chat_template == before.chat_template
        )
        if fits or self._models.model is None:  # a model that arrives is fitted then
            screen.show_settings(save=True)
        else:
            self._turns.begin(self._refit)

    def _change_ranks(self) -> bool:
        """Have the page isolated if so many cores need it; returns whether the model is read again."""
        screen, opened, chosen = self._screen, self._models.opened, self._screen.state.settings.ranks
        cores = screen.state.cores
        if sharing.wants_isolation(chosen, cores) and not screen.state.may_isolate:
            screen.state = replace(screen.state, settings_problem=sharing.one_core(cores))
        screen.show_settings(save=True)
        if sharing.wants_isolation(chosen, cores) and screen.state.may_isolate:
            screen.show(screen.state, ["isolate", "now"])
        elif chosen == 1 and cores.why:
            screen.show(screen.state, ["isolate", "never"])
        if screen.state.opening and cores.most > 1:
            self._models.begin_again()  # it began with the number before
            return True
        wanted = sharing.possible(chosen, cores) or cores.usual_for(opened.size_bytes if opened else None)
        if opened is None or wanted == opened.model.info.n_ranks:
            return False
        self._models.reopen()
        return True

    def _change_profile(self) -> bool:
        """Make or leave the copy of the output head; returns whether the model is read again for that."""
        state = self._screen.state
        self._screen.show_settings(save=True)
        if state.opening:
            self._models.begin_again()  # it began with the profile before
        elif state.model and state.model.screen_bytes > 0:
            self._models.reopen()
        else:
            return False
        return True

    def stay(self) -> None:
        """The page could not be isolated after all; what runs meanwhile goes on."""
        screen = self._screen
        if screen.state.phase == "starting":  # the first model waits for it
            screen.show(replace(screen.state, may_isolate=False))
            self._models.open_first()
        else:
            problem = sharing.one_core(screen.state.cores)
            screen.show(replace(screen.state, may_isolate=False, settings_problem=problem))

    async def _refit(self) -> None:
        """The model as the settings want it now; an answer that was being written has been stopped."""
        screen, problem = self._screen, self.fit()
        screen.state = replace(screen.state, settings_problem=problem)
        screen.show_settings(save=True)

    def fit(self) -> str:
        """Give the model the context and the chat template of the settings; returns what was not possible."""
        opened, screen = self._models.opened, self._screen
        if opened is None:
            return ""
        model, settings, problems = opened.model, screen.state.settings, []
        title = screen.state.model.title if screen.state.model else opened.origin.title
        wanted = settings.context
        if wanted is not None and wanted > model.info.n_ctx_train:
            wanted = model.info.n_ctx_train
            problems.append(f"{title} was trained with {wanted:,} tokens: the context has that many.")
        try:
            model.resize(wanted, kv=settings.kv)
        except BitNetError as error:
            problems.append(str(error))
        model.use_chat_template(settings.chat_template)
        if settings.chat_template:
            problems += model.template.warnings
        card = cards.from_model(model.info, title, opened.size_bytes, opened.entry)
        screen.state = states.model_changed(screen.state, card)
        return " ".join(problems)
